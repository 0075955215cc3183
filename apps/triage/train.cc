// triage train: the networks of a configuration.
#include <iostream>

#include "apps/triage/options/run_options.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/text.h"

namespace triage::cli {

int train_command(int argc, char** argv) {
  CLI::App app{"Trains every network of a configuration; a run that was stopped or killed goes on where it was",
               "triage train"};
  RunOptions options;
  bool json = false;
  options.add_options(app);
  app.add_flag("--json", json, "result as JSON on stdout, no progress");
  app.footer("Example: triage train configs/cifar10-pair.toml --run runs/quick --epochs 2");
  if (!parse_arguments(app, argc, argv)) return 0;
  const Context context = stoppable(json);
  const workflow::RunConfig given = options.load();
  const fs::path directory = options.directory(given);
  const workflow::RunConfig config = workflow::resolve_precision(given, directory);
  const workflow::Workspace workspace(config, directory, context);
  workflow::say_split_notes(workspace);
  workflow::check_run(workspace);
  if (options.dry_run) return tell_dry_run(workspace, json);
  const FileLock lock = workflow::open_run(directory, config);
  Json out = Json::array();
  const auto tell = [&](const std::string& name, const train::TrainResult& result) {
    out.push_back({{"stage", name},
                   {"validation_accuracy", result.validation_accuracy},
                   {"best_validation_accuracy", result.best_validation_accuracy},
                   {"seconds", result.seconds},
                   {"images_per_second", result.images_per_second}});
    if (json) return;
    std::printf("%-10s validation %.2f %% (best epoch %.2f %%), %.0f s, %.0f images/s\n", name.c_str(),
                100 * result.validation_accuracy, 100 * result.best_validation_accuracy, result.seconds,
                result.images_per_second);
  };
  if (const auto result = workflow::train_supernet(workspace)) tell("supernet", *result);
  const std::vector<train::TrainResult> results = workflow::train_stages(workspace);
  for (std::size_t i = 0; i < results.size(); ++i) tell(config.stages[i].name, results[i]);
  if (json)
    std::cout << dump_json(out, 2) << '\n';
  else if (!config.stages.empty())
    std::printf("next: triage build %s\n", shell_word(directory.string()).c_str());
  return 0;
}

}  // namespace triage::cli
