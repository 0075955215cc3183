// triage init: the configuration of a first run, from nothing but the data.
#include "apps/triage/options/initial_options.h"
#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"

namespace triage::cli {

int init_command(int argc, char** argv) {
  CLI::App app{
      "Writes the configuration of a first run: resolution, nets and epochs from the data, the time and this machine",
      "triage init"};
  InitialOptions options;
  std::string out;
  options.add_options(app);
  app.add_option("--out", out, "the configuration; default: NAME.toml of the data")->check(output_file);
  app.footer("Example:\n  triage init photos/ --minutes 30 --latency 2ms\n  triage run photos.toml");
  if (!parse_arguments(app, argc, argv)) return 0;
  if (out.empty()) out = options.name() + ".toml";
  require_output_file(out);
  options.write_config(out, stoppable(false), false);
  std::printf("%s\nnext: triage run %s\n", out.c_str(), out.c_str());
  return 0;
}

}  // namespace triage::cli
