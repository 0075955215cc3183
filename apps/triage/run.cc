// triage run: everything from a configuration to the report, in one resumable go.
#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/options/run_options.h"
#include "apps/triage/program/command.h"
#include "core/progress.h"
#include "core/system/machine.h"
#include "evaluate/evaluate.h"
#include "evaluate/operation.h"
#include "report/draw/gnuplot.h"
#include "report/report.h"
#include "workflow/build/plan_source.h"

namespace triage::cli {
namespace {

Json evaluate_run(const workflow::Workspace& workspace, const std::string& command) {
  const workflow::StepTimer timer(workspace.run, "eval");
  evaluate::EvaluateOptions options;
  options.plan = workspace.run / "plan";
  options.data = workspace.config.data;
  if (!workspace.config.shift.empty() && fs::exists(workspace.config.shift)) options.shift = workspace.config.shift;
  options.scores = workspace.run / "scores" / "test.bin";
  options.command = command;
  const Json results = evaluate::evaluate_plan(options);
  write_sealed_json(workspace.run / "results.json", results);
  return results;
}

// results/*.json: what this run measured, under the configuration's first name ("cifar10" of "cifar10-pair").
void record(const workflow::Workspace& workspace, const Json& results, const std::string& file, bool routing,
            const std::string& command) {
  const std::string prefix = workspace.config.name.substr(0, workspace.config.name.find('-'));
  std::map<std::string, Figure> figures;
  for (const auto& [key, figure] : evaluate::figures(results, routing)) {
    const std::string dataset = workspace.dataset.info().name + ".";
    figures[key.starts_with(dataset) ? prefix + "." + key.substr(dataset.size()) : key] = figure;
  }
  figures[prefix + ".minutes"] = {.value = workflow::total_minutes(workspace.run), .unit = "min"};
  for (const workflow::StageConfig& stage : workspace.config.stages) {
    figures[prefix + "." + stage.name + "_mmac"] = {.value = static_cast<double>(workspace.cost(stage).macs) / 1e6,
                                                    .unit = "MMAC"};
  }
  record_figures(file, command, figures);
}

}  // namespace

int run_command(int argc, char** argv) {
  CLI::App app{"Trains, builds, evaluates and reports: everything from a configuration to report.html", "triage run"};
  RunOptions options;
  std::string figures;
  bool json = false, accuracy_only = false;
  options.add_options(app);
  app.add_option("--figures", figures, "record the figures in this results/*.json")->check(figures_file);
  app.add_flag("--accuracy-only", accuracy_only,
               "with --figures: record accuracies, sizes and minutes, not the routing figures");
  app.add_flag("--json", json, "results.json on stdout, no progress");
  app.footer("Example: triage run configs/cifar10-pair.toml --run runs/cifar10-pair");
  if (!parse_arguments(app, argc, argv)) return 0;
  install_stop_handler();
  Progress::set_quiet(json);
  const std::string command = command_line(argc, argv);

  report::require_gnuplot();
  const workflow::RunConfig given = options.load();
  const fs::path directory = options.directory(given);
  const workflow::RunConfig config = workflow::resolve_precision(given, directory);
  config.require_stages();
  const workflow::Workspace workspace(config, directory);
  workflow::print_split_notes(workspace);
  workflow::check_run(workspace);
  workflow::check_budgets(workspace);
  evaluate::test_indices(workspace.dataset);  // there are some
  if (options.dry_run) return tell_dry_run(workspace, json);
  const FileLock lock = workflow::open_run(directory, config);
  workflow::train_supernet(workspace);
  workflow::train_stages(workspace);
  build_plan(workspace, workflow::trained_stages(workspace),
             {.policy = config.policy, .target = config.target, .metric = config.metric, .budgets = config.budgets});
  const Json results = evaluate_run(workspace, command);
  {
    const workflow::StepTimer timer(directory, "report");
    const report::ReportFiles files = report::write_report(directory, {.data = config.data});
    for (const std::string& note : files.notes) std::fprintf(stderr, "report: %s\n", note.c_str());
  }
  if (!figures.empty()) record(workspace, results, figures, !accuracy_only, command);
  if (json)
    std::cout << dump_json(results, 2) << '\n';
  else
    std::cout << evaluate::readable(results)
              << std::format("all steps: {:.1f} min\nreport: {}\n", workflow::total_minutes(directory),
                             (directory / "report.html").string());
  return 0;
}

}  // namespace triage::cli
