// triage subnets alone: the configuration that trains subnets of a supernet as networks of their own, by its recipe.
#include <cstdio>

#include "apps/triage/program/command.h"
#include "apps/triage/subnets/subnet_choice.h"
#include "apps/triage/subnets/subnets.h"
#include "workflow/study/alone_config.h"

namespace triage::cli {

int subnets_alone(int argc, char** argv) {
  CLI::App app{"Prints a configuration for 'triage train': subnets trained alone, by the supernet's own recipe",
               "triage subnets alone"};
  std::string file, name;
  SubnetChoice choice;
  app.add_option("CONFIG", file, "configuration with a [supernet]")->required();
  app.add_option("--name", name, "of the configuration; default: the supernet's and -alone");
  choice.add_options(app);
  app.footer(
      "Example: triage subnets alone configs/cifar10-supernet.toml --arch largest --random 10 > "
      "configs/cifar10-supernet-alone.toml");
  if (!parse_arguments(app, argc, argv)) return 0;
  const workflow::RunConfig config = workflow::load_run_config(file);
  if (!config.supernet) fail("{}: expected a [supernet], found none", file);
  const std::string text = workflow::alone_config(config, name, choice.subnets(*config.supernet->space));
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace triage::cli
