// A stage's graph as a program of kernels (engine/compiled/stage_program.h), and a whole plan compiled in its
// directory.
#pragma once

#include <functional>
#include <vector>

#include "compiler/kernel/kernel_set.h"
#include "engine/compiled/stage_program.h"
#include "model/graph.h"
#include "plan/plan.h"

namespace triage::compiler {

using ScheduleOf = std::function<Schedule(const KernelKey&)>;  // a tuning store's best, or default_schedule

// A stage of a plan's directory; refused where it is not the file that plan.json names.
model::Graph graph_of_plan(const fs::path& directory, const plan::Stage& stage);

// All that take a graph refuse what is not made of layers that kernels exist for (stage_graph.h).

// The kernels that the stage's convolutions need where `threads` share its maps.
std::vector<KernelKey> kernels_of(const model::Graph& graph, int threads);

// Adds what the stage needs to `library`; the program's library and its checksum are still to be set.
engine::StageProgram compile_stage(const model::Graph& graph, int threads, const ScheduleOf& schedule_of,
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
  std::vector<std::string> left;  // of stages that were not compiled, why
};

struct CompilableStage {
  std::size_t index = 0;  // in the plan
  model::Graph graph;
};
struct CompilableStages {
  std::vector<CompilableStage> stages;
  std::vector<std::string> left;  // of each other stage, why: its file, the node, found and expected
};
// The stages of a plan directory whose layers there are kernels for: those that triage trained, and imported networks
// that are made of such layers. Throws Error where there is none.
CompilableStages compilable_stages(const fs::path& directory, const plan::Plan& plan);

// What compilations have left in a plan's directory: libraries and programs.
std::vector<fs::path> compiled_files(const fs::path& directory);

// In plan.json's provenance: how its kernels were made.
inline constexpr const char* kMadeKernels = "kernels";

// Compiles every stage of a plan directory that can be. Throws Error where none can. Writes the library and a program
// for each beside the stage files, named by their content, and then plan.json, which names them: readers see the plan
// before or after. Files of an earlier compilation that are no longer named are removed. made_by: kept in provenance;
// null: nothing is.
CompiledPlan compile_plan(const fs::path& directory, const CompileOptions& options, const ScheduleOf& schedule_of,
                          const Json& made_by = Json());

}  // namespace triage::compiler
