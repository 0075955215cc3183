// What a callable takes right after another one, whose weights took the caches: measured, since timing one alone finds
// them warm. Of all pairs, in turns, so that a drift of the machine hits all alike.
#pragma once

#include <functional>
#include <vector>

#include "measure/latency.h"

namespace triage::measure {

// [subjects][subjects]: the mean of `one` right after `other` as a multiple of its mean after itself (the diagonal: 1),
// the median of some rounds, at least 1: nothing gets faster by it, less is noise. A round times every subject alone
// and every pair by turns, each for a share of options.min_seconds, at most options.window_seconds. Throws Interrupted,
// and whatever a callable throws.
std::vector<std::vector<double>> behind_ratios(const std::vector<Callable>& subjects, const MeasureOptions& options,
                                               const Clock& clock = steady_seconds,
                                               const std::function<void(std::size_t round)>& on_round = {});

}  // namespace triage::measure
