#include "apps/triage/options/tuning_options.h"

#include "apps/triage/options/outputs.h"

namespace triage::cli {

void add_tuning_options(CLI::App& app, workflow::TuningOptions& options) {
  app.add_option("--store", options.store, "SQLite file of measured schedules, shared by all networks")
      ->capture_default_str()
      ->check(output_file);
  app.add_option("--target", options.target, "CPU: this, vnni, avx512, avx2, sse4, arm64, arm64-plain")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "that share a stage's maps")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
}

}  // namespace triage::cli
