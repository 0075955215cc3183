// triage train: the networks of a configuration.
#include <iostream>

#include "cli/command.h"
#include "cli/pipeline.h"
#include "core/progress.h"

namespace triage::cli {

int train_command(int argc, char** argv) {
  CLI::App app{"Trains every network of a configuration; a run that was stopped or killed goes on where it was",
               "triage train"};
  std::string config_file, run;
  bool json = false;
  app.add_option("CONFIG", config_file, "configuration (TOML)")->required();
  app.add_option("--run", run, "run directory; default: runs/NAME of the configuration");
  app.add_flag("--json", json, "result as JSON on stdout, no progress");
  app.footer("Example: triage train configs/cifar10-pair.toml --run runs/cifar10-pair");
  if (!parse_arguments(app, argc, argv)) return 0;
  install_stop_handler();
  Progress::set_quiet(json);
  const RunConfig config = load_run_config(config_file);
  const fs::path directory = run.empty() ? fs::path("runs") / config.name : fs::path(run);
  const Workspace workspace(config, directory);
  const RunLock lock = open_run(directory, config);
  const std::vector<train::TrainResult> results = train_stages(workspace);
  Json out = Json::array();
  for (std::size_t i = 0; i < results.size(); ++i) {
    out.push_back({{"stage", config.stages[i].name},
                   {"validation_accuracy", results[i].validation_accuracy},
                   {"best_validation_accuracy", results[i].best_validation_accuracy},
                   {"seconds", results[i].seconds},
                   {"images_per_second", results[i].images_per_second}});
    if (!json) {
      std::printf("%-10s validation %.2f %% (best epoch %.2f %%), %.0f s, %.0f images/s\n",
                  config.stages[i].name.c_str(), 100 * results[i].validation_accuracy,
                  100 * results[i].best_validation_accuracy, results[i].seconds, results[i].images_per_second);
    }
  }
  if (json)
    std::cout << out.dump(2) << '\n';
  else
    std::printf("next: triage build %s\n", directory.c_str());
  return 0;
}

}  // namespace triage::cli
