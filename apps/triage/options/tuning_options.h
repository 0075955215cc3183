// The options of compile and tune.
#pragma once

#include <CLI/CLI.hpp>

#include "workflow/build/kernels_program.h"

namespace triage::cli {

void add_tuning_options(CLI::App& app, workflow::TuningOptions& options);  // --store, --target, --threads

}  // namespace triage::cli
