#include "cli/kernels_program.h"

#include "compiler/tuning_store.h"
#include "core/error.h"
#include "core/machine.h"

namespace triage::cli {

fs::path kernels_program() {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "triage-kernels";
  if (!fs::exists(program)) fail("kernels: expected {}, found none", program.string());
  return program;
}

void TuningOptions::add_options(CLI::App& app) {
  app.add_option("--store", store, "SQLite file of measured schedules, shared by all networks")->capture_default_str();
  app.add_option("--target", target, "CPU: this, vnni, avx512, avx2, sse4, arm64, arm64-plain")->capture_default_str();
  app.add_option("--threads", threads, "that share a stage's maps")->capture_default_str()->check(CLI::Range(1, 64));
}

compiler::ScheduleOf tuned_schedules(const TuningOptions& options) {
  const compiler::Target target = compiler::target_from_name(options.target);
  std::shared_ptr<compiler::TuningStore> store;
  if (fs::exists(options.store))
    store = std::make_shared<compiler::TuningStore>(options.store, tuning_machine(target, cpu_name()));
  return [store, target](const compiler::KernelKey& key) {
    if (!store) return default_schedule(key, target);
    if (const auto best = store->best(key)) return best->schedule;
    for (const compiler::Candidate& similar : store->nearest(key, 5))
      if (allowed(key, similar.schedule)) return similar.schedule;
    return default_schedule(key, target);
  };
}

}  // namespace triage::cli
