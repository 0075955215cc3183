#include "apps/triage/options/run_options.h"

#include <cstdlib>

#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/warning.h"
#include "workflow/config/changed_config.h"

namespace triage::cli {

void add_settings_option(CLI::App& app, std::vector<std::string>& settings) {
  app.add_option("--set", settings,
                 "KEY=VALUE in the place of what CONFIG says; dotted keys, stages by name or * for all: "
                 "--set stage.big.epochs=10 --set data.route=5%")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void RunOptions::add_options(CLI::App& app) {
  app.add_option("CONFIG", config, "configuration (TOML)")->required();
  app.add_option("--run", run, "run directory; default: runs/NAME of the configuration")->check(output_directory);
  add_settings_option(app, settings);
  app.add_option("--epochs", epochs, "of every network that is trained; default: the configuration's")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--from", from,
                 "a finished run of the same networks on the same images, in another directory: training goes on from "
                 "its weights, for as many epochs again");
  app.add_option("--processes", processes,
                 "processes on this machine that train together, each with its share of every batch; started by "
                 "torchrun, srun or mpirun, the environment says it (docs/distributed.md)")
      ->check(CLI::Range(1, 4096));
  app.add_flag("--dry-run", dry_run, "say the sizes of everything and how long training will take; write nothing");
}

workflow::RunConfig RunOptions::load() const {
  return workflow::load_changed_config(config, {.settings = settings, .epochs = epochs, .from = from});
}

std::optional<train::Place> RunOptions::place() const {
  if (dry_run) return std::nullopt;
  return train::find_place(processes, [](const char* name) { return std::getenv(name); });
}

bool is_first(const std::optional<train::Place>& place) { return !place || place->rank == 0; }

Context context_of(const std::optional<train::Place>& place, bool quiet) {
  Context context = stoppable(quiet);
  if (is_first(place)) return context;
  set_warning_sink({});
  context.sink = nullptr;
  return context;
}

int work_at(const std::optional<train::Place>& place, workflow::Workspace& workspace,
            const std::function<void()>& work) {
  if (place) return workflow::work_together(workspace, *place, work) ? 0 : 1;
  work();
  return 0;
}

fs::path RunOptions::directory(const workflow::RunConfig& loaded) const {
  const fs::path directory = run_directory(run, loaded.name);
  std::error_code error;
  if (!from.empty() && fs::equivalent(from, directory, error))
    throw UsageError("--from: expected another run than that of --run, found " + from + " for both");
  return directory;
}

}  // namespace triage::cli
