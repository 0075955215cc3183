// New genomes from old ones: what the search draws, mutates and crosses. Every result lies within the structures.
#pragma once

#include <span>
#include <vector>

#include "core/rng.h"
#include "search/evolve/genome.h"

namespace triage::search {

// A net whose answers exist.
struct KnownNet {
  family::ArchSpec arch;
  std::int64_t macs = 0;
  std::size_t sections = 0;
};
KnownNet known_net(const family::ArchSpec& arch, const Structures& structures);

class Variation {
 public:
  // Throws Error where the structures allow no plan.
  explicit Variation(Structures structures);

  Genome random(Rng& rng) const;
  // One to three small changes: widths, depth, a net's end or precision, an early exit, a net more or less, the policy.
  // `known`: by rising MACs; a change of a net often takes a similar one of them.
  Genome mutate(const Genome& genome, std::span<const KnownNet> known, Rng& rng) const;
  // The first nets of one, the last of the other.
  Genome cross(const Genome& a, const Genome& b, Rng& rng) const;

  // The same structure of known nets: each the one with as many sections and about as many MACs.
  Genome nearest(const Genome& genome, std::span<const KnownNet> known) const;

  const Structures& structures() const { return structures_; }

 private:
  family::ArchSpec random_net(Rng& rng) const;
  plan::Precision random_precision(Rng& rng) const;
  family::ArchSpec change_net(const family::ArchSpec& net, std::span<const KnownNet> known, Rng& rng) const;
  void change(Genome& genome, std::span<const KnownNet> known, Rng& rng) const;
  void repair(Genome& genome) const;
  void settle(Net& leg) const;

  Structures structures_;
};

}  // namespace triage::search
