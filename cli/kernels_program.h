// triage-kernels, which stands beside this program, and the tuning store that compile and tune share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "compiler/compile_stage.h"
#include "compiler/target.h"

namespace triage::cli {

fs::path kernels_program();  // throws Error where it does not stand there

struct TuningOptions {
  std::string store = "tuning.sqlite", target = "this";
  int threads = 1;
  void add_options(CLI::App& app);  // --store, --target, --threads
};

// The best schedule of the store for a kernel; of the most similar one where its schedule is possible for this kernel;
// else the default. Nothing is read where there is no such file.
compiler::ScheduleOf tuned_schedules(const TuningOptions& options);

}  // namespace triage::cli
