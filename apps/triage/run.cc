// triage run: everything from a configuration to the report, in one resumable go.
#include "workflow/run/run.h"

#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/options/run_options.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/system/machine.h"
#include "evaluate/evaluate.h"
#include "report/draw/gnuplot.h"

namespace triage::cli {

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
  const Context context = stoppable(json);
  const std::string command = command_line(argc, argv);

  report::require_gnuplot();
  const workflow::RunConfig given = options.load();
  const fs::path directory = options.directory(given);
  const workflow::Workspace workspace = workflow::open_checked_run(given, directory, context);
  if (options.dry_run) return tell_dry_run(workspace, json);
  const auto [results, notes] = workflow::run_all(workspace, command);
  for (const std::string& note : notes) std::fprintf(stderr, "report: %s\n", note.c_str());
  if (!figures.empty()) record_figures(figures, command, workflow::run_figures(workspace, results, !accuracy_only));
  if (json)
    std::cout << dump_json(to_json(results), 2) << '\n';
  else
    std::cout << evaluate::readable(results)
              << std::format("all steps: {:.1f} min\nreport: {}\n", workflow::total_minutes(directory),
                             (directory / "report.html").string());
  return 0;
}

}  // namespace triage::cli
