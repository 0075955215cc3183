// Measures cost::MemoryCosts: plans with random weights, of all sizes of a search space, each in a fresh process.
#pragma once

#include <functional>

#include "core/context.h"
#include "cost/memory_costs.h"
#include "family/any_space.h"

namespace triage::costing {

struct MemoryCostOptions {
  std::vector<plan::Precision> precisions{plan::Precision::fp32};
  int nets = 16;  // of all sizes, alone and two in a plan; every other plan is held out and tells the error
  std::uint64_t seed = 1;
  StopToken stop;
};

// program: triage-measure. progress gets how many plans of how many are done. Throws Error with what the program said,
// Interrupted.
cost::MemoryCosts measure_memory_costs(const family::AnySpace& space, const plan::InputShape& input, int classes,
                                       const fs::path& program, const MemoryCostOptions& options,
                                       const std::function<void(std::size_t done, std::size_t total)>& progress = {});

}  // namespace triage::costing
