// triage refine: a plan of a search's front -> the configuration of a run that trains its nets on, together.
#include <cstdio>

#include "apps/triage/options/outputs.h"
#include "apps/triage/options/target_options.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/text.h"
#include "workflow/build/front_plan.h"
#include "workflow/search/taken_nets.h"

namespace triage::cli {

int refine_command(int argc, char** argv) {
  CLI::App app{
      "Writes the configuration of a run that trains the nets of one of a search's plans on, together, and builds and "
      "evaluates the plan anew",
      "triage refine"};
  std::string run;
  std::string out_file;
  TargetOptions target;
  workflow::RefineRequest request;
  app.add_option("RUN", run, "run directory of triage search")->required();
  target.add_options(app);
  app.add_option("--epochs", request.epochs, "of every net")->capture_default_str()->check(CLI::Range(1, 10000));
  app.add_option("--lr", request.rate,
                 "highest learning rate; default: 0.4, of nets of other families than plain 0.133")
      ->check(CLI::Range(1e-8, 100.0));
  app.add_option("--out", out_file, "configuration to write; a file that is there stays as it is")
      ->required()
      ->check(output_file);
  app.footer("Example: triage refine runs/cifar10-search --latency 400us --out configs/cifar10-accurate.toml");
  if (!parse_arguments(app, argc, argv)) return 0;
  const fs::path out = out_file;
  if (fs::exists(out)) throw UsageError("--out: expected a file that does not exist yet, found " + out.string());
  const workflow::SearchConfig search = workflow::load_search_config(fs::path(run) / "config.toml");
  const search::Front front = workflow::front_of(run);
  request.name = out.stem();
  request.target = target.target();
  const search::FrontPoint& point = workflow::point_of(front, request.target);
  const workflow::OpenSupernets supernets(search.supernets, show_progress(false));
  const workflow::FixedNets nets(search.nets, supernets);
  workflow::require_supernet_of(front, supernets, nets, run);
  std::vector<workflow::RefinedSupernet> refined;
  for (const auto& supernet : supernets.all())
    refined.push_back({.directory = supernet->directory.string(),
                       .config = supernet->workspace.config,
                       .space = supernet->space(),
                       .input = supernet->trained.network->input(),
                       .classes = supernet->trained.network->classes()});
  const std::vector<workflow::TakenNet> taken = workflow::taken_nets(point.genome, nets, out);
  const std::string text = workflow::refined_config(request, point, search, refined, taken);
  AtomicFile file(out);
  file.write(text.data(), text.size());
  workflow::load_run_config(file.temporary());  // what is written can be read
  workflow::write_preprocess_files(taken, nets, out);
  file.commit();
  std::printf("%s\n%s\nnext: triage run %s --run %s\n", point.genome.text().c_str(), out.c_str(),
              shell_word(out.string()).c_str(), shell_word("runs/" + request.name).c_str());
  return 0;
}

}  // namespace triage::cli
