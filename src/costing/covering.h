// Which nets of a search space to measure: some that hold every layer it can ask for, and some of all sizes.
#pragma once

#include <cstdint>
#include <vector>

#include "plan/space.h"

namespace triage::costing {

// As few as a greedy choice finds, so that every (place, width before it, its own width) that subnets have is in at
// least `times` of them; a net comes twice where the space is too small. The same for the same seed.
std::vector<plan::ArchSpec> covering_subnets(const plan::SearchSpace& space, int times, std::uint64_t seed);

// Different ones, `count` or all there are, from the smallest to the largest. Each draws its widths and depths around a
// level of its own: independent uniform draws (SearchSpace::sample) would nearly all be of middle size.
std::vector<plan::ArchSpec> sized_subnets(const plan::SearchSpace& space, std::size_t count, std::uint64_t seed);

}  // namespace triage::costing
