// Which subnets of a space a command is about: options that several of them share.
#pragma once

#include <CLI/CLI.hpp>

#include "workflow/search/subnet_list.h"

namespace triage::cli {

struct SubnetChoice : workflow::SubnetList {
  void add_options(CLI::App& app);
};

}  // namespace triage::cli
