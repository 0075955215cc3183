// The pair sweep: all pairs of known nets under every ranking, as cascades and, where one net is the beginning of the
// other, as early exits; of each level of cost the best few.
#pragma once

#include <vector>

#include "search/evolve/evaluator.h"

namespace triage::search {

struct SweepResult {
  std::vector<Genome> genomes;  // the best of each level, each once, cheapest level first
  std::uint64_t curves = 0;     // pairs looked at, each at every threshold
};

// Thresholds that break a budget are left out. keep: pairs for each level and kind. Learned routers, which rank by the
// second net, are not tried.
SweepResult sweep_pairs(const Evaluator& evaluator, const Structures& structures, std::span<const ExitNet* const> nets,
                        std::size_t keep);

}  // namespace triage::search
