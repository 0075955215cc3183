// triage subnets eval: what subnets answer, from the store or by asking them.
#include <cstdio>
#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "apps/triage/subnets/subnet_choice.h"
#include "apps/triage/subnets/subnets.h"
#include "core/system/machine.h"
#include "workflow/study/ask_subnets.h"

namespace triage::cli {
namespace {

struct Options {
  std::string directory, split = "validation", store;
  SubnetChoice choice;
  train::RecalibrationOptions recalibration;
  bool json = false;
};

void print(const Json& results) {
  std::printf("%-44s %8s %10s  %s\n", "subnet", "MMAC", "parameters", "accuracy at each exit, %");
  for (const Json& subnet : results["subnets"]) {
    std::printf("%-44s %8.2f %9.1fk ", subnet["arch"].get<std::string>().c_str(), subnet["macs"].get<double>() / 1e6,
                subnet["parameters"].get<double>() / 1e3);
    for (const Json& accuracy : subnet["accuracy"]) std::printf(" %6.2f", 100 * accuracy.get<double>());
    std::printf("\n");
  }
}

}  // namespace

int subnets_eval(int argc, char** argv) {
  CLI::App app{"Accuracy of subnets at every exit, with batch statistics measured for each; per-image logits are kept",
               "triage subnets eval"};
  Options options;
  app.add_option("DIR", options.directory, "run or zoo directory with supernet.pt and config.toml")->required();
  options.choice.add_options(app);
  app.add_option("--split", options.split, "validation, route or test")->capture_default_str();
  app.add_option("--store", options.store,
                 "file of answers (default: DIR/subnets_SPLIT.sqlite), or a PostgreSQL database that several machines "
                 "score for, postgresql://USER@HOST/DATABASE")
      ->check(output_file_or_server);
  app.add_option("--recalibration-images", options.recalibration.images, "training images for batch statistics")
      ->capture_default_str()
      ->check(CLI::Range(16, 1'000'000));
  app.add_flag("--json", options.json, "JSON on stdout, no progress");
  app.footer("Example: triage subnets eval zoo/cifar10-supernet --arch largest --random 20");
  if (!parse_arguments(app, argc, argv)) return 0;
  const Context context = stoppable(options.json);

  const workflow::OpenSupernet supernet(options.directory, context);
  const std::vector<family::ArchSpec> wanted = options.choice.subnets(*supernet.space());
  const workflow::AskedSplit asked{
      .answers = {.split = options.split, .recalibration = options.recalibration},
      .at = {.location = options.store.empty()
                             ? (supernet.directory / std::format("subnets_{}.sqlite", options.split)).string()
                             : options.store,
             .name = supernet.workspace.config.name + " " + options.split}};
  search::LogitStore store = workflow::open_store(supernet, asked.answers, asked.at);
  std::vector<double> seconds = workflow::ask_subnets(supernet, wanted, asked, store);

  Json results = {
      {"supernet", supernet.trained.sha256},        {"split", options.split},  {"images", store.labels().size()},
      {"exits", supernet.trained.network->exits()}, {"asked", seconds.size()}, {"subnets", Json::array()}};
  for (const family::ArchSpec& subnet : wanted) {
    const auto answers = store.find(subnet);
    results["subnets"].push_back({{"arch", answers->arch},
                                  {"macs", answers->macs},
                                  {"parameters", answers->parameters},
                                  {"accuracy", answers->accuracy}});
  }
  if (!seconds.empty()) results["seconds_per_subnet"] = to_json(summarize(seconds));
  if (options.json) {
    std::cout << dump_json(results, 2) << '\n';
  } else {
    print(results);
    if (!seconds.empty()) {
      std::printf("%zu subnets asked, median %.2f s each; the others were in the store\n", seconds.size(),
                  summarize(seconds).median);
    }
  }
  return 0;
}

}  // namespace triage::cli
