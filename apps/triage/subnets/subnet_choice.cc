#include "apps/triage/subnets/subnet_choice.h"

namespace triage::cli {

void SubnetChoice::add_options(CLI::App& app) {
  app.add_option("--arch", archs, "a subnet, or 'largest' or 'smallest'; may be repeated");
  app.add_option("--list", list, "file with a subnet on each line");
  app.add_option("--random", random, "this many random subnets")->check(CLI::Range(0, 1'000'000));
  app.add_option("--seed", seed, "of --random")->capture_default_str();
}

}  // namespace triage::cli
