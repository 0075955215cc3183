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

void run_and_tell(const workflow::Workspace& workspace, const std::string& command, const RunAnswer& wanted) {
  const auto [results, notes] = workflow::run_all(workspace, command);
  for (const std::string& note : notes) std::fprintf(stderr, "report: %s\n", note.c_str());
  if (!wanted.figures.empty())
    record_figures(wanted.figures, command, workflow::run_figures(workspace, results, !wanted.accuracy_only));
  if (wanted.json) {
    std::cout << dump_json(to_json(results), 2) << '\n';
  } else {
    std::cout << evaluate::readable(results)
              << std::format("all steps: {:.1f} min\nreport: {}\n", workflow::total_minutes(workspace.run),
                             (workspace.run / "report.html").string());
  }
}

int run_command(int argc, char** argv) {
  CLI::App app{"Trains, builds, evaluates and reports: everything from a configuration to report.html", "triage run"};
  RunOptions options;
  RunAnswer answer;
  options.add_options(app);
  app.add_option("--figures", answer.figures, "record the figures in this results/*.json")->check(figures_file);
  app.add_flag("--accuracy-only", answer.accuracy_only,
               "with --figures: record accuracies, sizes and minutes, not the routing figures");
  app.add_flag("--json", answer.json, "results.json on stdout, no progress");
  app.footer("Example: triage run configs/cifar10-pair.toml --run runs/cifar10-pair");
  if (!parse_arguments(app, argc, argv)) return 0;
  const std::optional<train::Place> place = options.place();
  const Context context = context_of(place, answer.json);
  const std::string command = command_line(argc, argv);

  report::require_gnuplot();
  const workflow::RunConfig given = options.load();
  const fs::path directory = options.directory(given);
  workflow::Workspace workspace = workflow::open_checked_run(given, directory, context);
  if (options.dry_run) return tell_dry_run(workspace, answer.json);
  return work_at(place, workspace, [&] {
    if (!is_first(place)) return workflow::run_steps().train(workspace);
    run_and_tell(workspace, command, answer);
  });
}

}  // namespace triage::cli
