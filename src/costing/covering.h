// Which nets of a search space to measure: some that hold every layer it can ask for, and some of all sizes.
#pragma once

#include <cstdint>
#include <vector>

#include "family/any_space.h"

namespace triage::costing {

// As few as a greedy choice finds, so that every layer (cost::LayerKey) that subnets have is in at least `times` of
// them; a net comes twice where the space is too small. The same for the same seed.
std::vector<family::ArchSpec> covering_subnets(const family::Space& space, const plan::InputShape& input, int times,
                                               std::uint64_t seed);

// Different ones, `count` or all there are, from the smallest to the largest. Each draws its numbers and depths around
// a level of its own: independent uniform draws (Space::sample) would nearly all be of middle size.
std::vector<family::ArchSpec> sized_subnets(const family::Space& space, std::size_t count, std::uint64_t seed);

}  // namespace triage::costing
