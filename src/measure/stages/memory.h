// Peak memory of a process that does nothing but run a plan along one path.
//
// Observed: the process makes the engine's environment (ONNX Runtime's), forgets its peak so far (Linux:
// /proc/self/clear_refs), loads the plan and classifies; its peak resident memory then (VmHWM), minus what was resident
// before the plan, is the plan's. Loading is part of it: that is when a process needs most.
#pragma once

#include <string>

#include "cost_tables/cost_table.h"
#include "engine/names.h"
#include "measure/stages/stages.h"
#include "plan/plan.h"

namespace triage::measure {

struct ObservedMemory {
  double empty_kb = 0;   // resident with an empty runtime
  double loaded_kb = 0;  // the peak of loading, above that
  double peak_kb = 0;    // of loading and classifying, above that
};
Json to_json(const ObservedMemory& memory);
ObservedMemory observed_memory_from_json(const Json& json, const std::string& origin);

// In this process, which must have done nothing else: memory that was used and given back would hide the plan's. exit:
// the stage at which every image is made to leave. Throws Error where the system does not tell peaks, or the plan does
// not load.
// engine: as ClassifierOptions::engine.
ObservedMemory observe_memory(const fs::path& plan_directory, int exit, Images images,
                              const std::string& engine = engine::kOnnxRuntime);

// The path on which every image leaves at stage `exit`, in a fresh process of its own; `program` is triage-measure.
// Throws Error with what the program said, Interrupted.
cost::PathMemory measure_path_memory(const fs::path& program, const fs::path& plan_directory, std::size_t exit,
                                     Images images, const std::string& engine = engine::kOnnxRuntime,
                                     StopToken stop = {});
// All of a plan's paths.
std::vector<cost::PathMemory> measure_memory(const fs::path& program, const fs::path& plan_directory, Images images,
                                             const std::string& engine = engine::kOnnxRuntime, StopToken stop = {});

}  // namespace triage::measure
