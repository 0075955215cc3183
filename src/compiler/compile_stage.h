// A stage's graph as a program of kernels (engine/compiled/stage_program.h), and a whole plan compiled in its
// directory.
#pragma once

#include <functional>
#include <vector>

#include "compiler/kernel/kernel_set.h"
#include "compiler/stage_graph.h"
#include "engine/compiled/stage_program.h"
#include "plan/plan.h"

namespace triage::compiler {

using ScheduleOf = std::function<Schedule(const KernelKey&)>;  // a tuning store's best, or default_schedule

// A stage of a plan's directory; refused where it is not the file that plan.json names.
StageGraph stage_of_plan(const fs::path& directory, const plan::Stage& stage);

// The kernels that the stage's convolutions need where `threads` share its maps.
std::vector<KernelKey> kernels_of(const StageGraph& graph, int threads);

// Adds what the stage needs to `library`; the program's library and its checksum are still to be set.
engine::StageProgram compile_stage(const StageGraph& graph, int threads, const ScheduleOf& schedule_of,
                                   KernelSet& library);

struct CompileOptions {
  Target target;
  int threads = 1;   // that will share a stage's maps; any number may run it
  fs::path program;  // triage-kernels
  StopToken stop;    // before anything is written
};

struct CompiledPlan {
  std::size_t kernels = 0;  // in the library
  fs::path library;
};

// What compilations have left in a plan's directory: libraries and programs.
std::vector<fs::path> compiled_files(const fs::path& directory);

// In plan.json's provenance: how its kernels were made.
inline constexpr const char* kMadeKernels = "kernels";

// Compiles every stage of a plan directory. Writes the library and a program for each stage beside the stage files,
// named by their content, and then plan.json, which names them: readers see the plan before or after. Files of an
// earlier compilation that are no longer named are removed. made_by: kept in provenance; null: nothing is.
CompiledPlan compile_plan(const fs::path& directory, const CompileOptions& options, const ScheduleOf& schedule_of,
                          const Json& made_by = Json());

}  // namespace triage::compiler
