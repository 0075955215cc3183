// The options of compile and tune.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/kernels_program.h"

namespace triage::cli {

void add_tuning_options(CLI::App& app, TuningOptions& options);  // --store, --target, --threads

}  // namespace triage::cli
