// triage-kernels (device/other_program.h), and the tuning store that compile and tune share.
#pragma once

#include <string>

#include "compiler/compile_stage.h"
#include "compiler/target.h"

namespace triage::workflow {

fs::path kernels_program();  // throws Error where it does not stand there

struct TuningOptions {
  std::string store = "tuning.sqlite", target = "this";
  int threads = 1;
};

// The best schedule of the store for a kernel; of the most similar one where its schedule is possible for this kernel;
// else the default. Nothing is read where there is no such file.
compiler::ScheduleOf tuned_schedules(const TuningOptions& options);

struct KernelsRequest {
  TuningOptions tuning;
  bool untuned = false;  // default schedules, whatever the store has
};

// Compiles a plan directory and notes in plan.json how, for the next one.
compiler::CompiledPlan make_kernels(const fs::path& plan, const KernelsRequest& request, StopToken stop);

// How the kernels of a plan directory were made; none: it has none. Of plans that do not tell, what `triage compile`
// does without options for the target of the kernels.
std::optional<KernelsRequest> kernels_request_of(const fs::path& plan);

}  // namespace triage::workflow
