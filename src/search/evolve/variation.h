// New genomes from old ones: what the search draws, mutates and crosses. Every result lies within the structures.
#pragma once

#include <span>
#include <vector>

#include "core/rng.h"
#include "search/evolve/genome.h"

namespace triage::search {

class Variation {
 public:
  // Throws Error where the structures allow no plan.
  explicit Variation(Structures structures);

  Genome random(Rng& rng) const;
  // One to three small changes: widths, depth, a net's end or precision, an early exit, a net more or less, the policy.
  // `known`: nets whose answers exist, by rising cost; a change of a net often takes a similar one of them.
  Genome mutate(const Genome& genome, std::span<const plan::ArchSpec> known, Rng& rng) const;
  // The first nets of one, the last of the other.
  Genome cross(const Genome& a, const Genome& b, Rng& rng) const;

  // The same structure of known nets: each the one with as many blocks that costs about the same.
  Genome nearest(const Genome& genome, std::span<const plan::ArchSpec> known) const;

  const Structures& structures() const { return structures_; }

 private:
  plan::ArchSpec random_net(Rng& rng) const;
  plan::Precision random_precision(Rng& rng) const;
  plan::ArchSpec change_net(const plan::ArchSpec& net, std::span<const plan::ArchSpec> known, Rng& rng) const;
  void change(Genome& genome, std::span<const plan::ArchSpec> known, Rng& rng) const;
  void repair(Genome& genome) const;

  Structures structures_;
};

}  // namespace triage::search
