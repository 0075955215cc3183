// triage auto: from a folder of photographs to a plan and its report, in the time that is given.
#include <cstdio>

#include "apps/triage/options/initial_options.h"
#include "apps/triage/options/outputs.h"
#include "apps/triage/options/run_options.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "report/draw/gnuplot.h"
#include "workflow/run/run.h"

namespace triage::cli {

int auto_command(int argc, char** argv) {
  CLI::App app{
      "Chooses nets and epochs by the data, the time and this machine (triage init), then trains, builds, evaluates",
      "triage auto"};
  InitialOptions options;
  RunAnswer answer;
  std::string run;
  options.add_options(app);
  app.add_option("--run", run, "run directory; default: runs/NAME of the data")->check(output_directory);
  app.add_option("--figures", answer.figures, "record the figures in this results/*.json")->check(figures_file);
  app.add_flag("--json", answer.json, "results.json on stdout, no progress");
  app.footer("Example: triage auto photos/ --latency 2ms --minutes 30");
  if (!parse_arguments(app, argc, argv)) return 0;
  report::require_gnuplot();
  const std::string command = command_line(argc, argv);
  const fs::path directory = run_directory(run, options.name());
  const fs::path config = directory.string() + ".toml";
  const Context context = stoppable(answer.json);
  if (fs::exists(config)) {
    context.message(std::format("goes on with what {} says; delete it to choose anew", config.string()));
  } else {
    fs::create_directories(fs::absolute(config).parent_path());
    options.write_config(config, context, answer.json);
  }
  const workflow::Workspace workspace =
      workflow::open_checked_run(workflow::load_run_config(config), directory, context);
  run_and_tell(workspace, command, answer);
  if (!answer.json) std::printf("again: triage run %s\n", config.c_str());
  return 0;
}

}  // namespace triage::cli
