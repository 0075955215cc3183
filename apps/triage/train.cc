// triage train: the networks of a configuration.
#include <iostream>

#include "apps/triage/options/run_options.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/text.h"

namespace triage::cli {
namespace {

void train_all(const workflow::Workspace& workspace, bool first, bool json) {
  const workflow::RunConfig& config = workspace.config;
  std::optional<FileLock> lock;
  if (first) lock.emplace(workflow::open_run(workspace.run, config));
  Json out = Json::array();
  const auto tell = [&](const std::string& name, const train::TrainResult& result) {
    out.push_back({{"stage", name},
                   {"validation_accuracy", result.validation_accuracy},
                   {"best_validation_accuracy", result.best_validation_accuracy},
                   {"seconds", result.seconds},
                   {"images_per_second", result.images_per_second}});
    if (json || !first) return;
    std::printf("%-10s validation %.2f %% (best epoch %.2f %%), %.0f s, %.0f images/s\n", name.c_str(),
                100 * result.validation_accuracy, 100 * result.best_validation_accuracy, result.seconds,
                result.images_per_second);
  };
  workflow::make_imports_once(workspace);
  if (const auto result = workflow::train_supernet(workspace)) tell("supernet", *result);
  const std::vector<train::TrainResult> results = workflow::train_stages(workspace);
  for (std::size_t i = 0; i < results.size(); ++i)
    if (!config.stages[i].onnx) tell(config.stages[i].name, results[i]);
  if (!first) return;
  if (json)
    std::cout << dump_json(out, 2) << '\n';
  else if (!config.stages.empty())
    std::printf("next: triage build %s\n", shell_word(workspace.run.string()).c_str());
}

}  // namespace

int train_command(int argc, char** argv) {
  CLI::App app{"Trains every network of a configuration; a run that was stopped or killed goes on where it was",
               "triage train"};
  RunOptions options;
  bool json = false;
  options.add_options(app);
  app.add_flag("--json", json, "result as JSON on stdout, no progress");
  app.footer("Example: triage train configs/cifar10-pair.toml --run runs/quick --epochs 2");
  if (!parse_arguments(app, argc, argv)) return 0;
  const std::optional<train::Place> place = options.place();
  const Context context = context_of(place, json);
  const workflow::RunConfig given = options.load();
  const fs::path directory = options.directory(given);
  const workflow::RunConfig config = workflow::resolve_precision(given, directory);
  workflow::Workspace workspace(config, directory, context);
  workflow::say_split_notes(workspace);
  workflow::check_run(workspace);
  if (options.dry_run) return tell_dry_run(workspace, json);
  return work_at(place, workspace, [&] { train_all(workspace, is_first(place), json); });
}

}  // namespace triage::cli
