// MemoryCosts: the peak memory of a process that runs a plan, predicted from what the plan holds.
//
// An engine reads a stage's file, parses it, copies its weights and packs them, and each open stage has structures of
// its own. What that comes to is fitted to plans whose peaks were measured, each in a fresh process
// (measure/stages/memory.h).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "plan/precision.h"

namespace triage::cost {

inline constexpr int kMemoryCostVersion = 1;

struct MemoryTerms {          // of a plan; KB of 1024 bytes
  double weights_kb = 0;      // of all stages
  double largest_kb = 0;      // of the stage that has most: while it is loaded there are further copies
  double activations_kb = 0;  // the largest on the path
  int stages = 1;
};

struct MemoryFit {  // nothing is negative
  double fixed_kb = 0, per_stage_kb = 0, per_weight = 0, per_largest_weight = 0, per_activation = 0;
  double predict_kb(const MemoryTerms& terms) const;
};

// Least squares of relative errors. Throws Error without plans, or where a peak is not above 0.
MemoryFit fit_memory(const std::vector<MemoryTerms>& plans, const std::vector<double>& peaks_kb);

struct MemoryError {  // of plans that were not fitted to
  int plans = 0;
  double mean_percent = 0, max_percent = 0;
};

struct MemoryCosts {
  Json machine = Json::object();  // core/machine.h
  std::string engine_version;
  struct Of {
    MemoryFit fit;
    MemoryError error;
  };
  std::map<plan::Precision, Of> of;
};
Json to_json(const MemoryCosts& costs);
MemoryCosts memory_costs_from_json(const Json& json, const std::string& origin);

}  // namespace triage::cost
