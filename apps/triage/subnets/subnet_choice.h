// Which subnets of a space a command is about: options that several of them share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "plan/space.h"

namespace triage::cli {

// "ARCH" or "largest" or "smallest"; throws Error when it is not in the space.
plan::ArchSpec subnet_of(const plan::SearchSpace& space, const std::string& text);

struct SubnetChoice {
  std::vector<std::string> archs;
  std::string list;  // file with a subnet on each line; # begins a comment
  int random = 0;
  std::uint64_t seed = 1;

  void add_options(CLI::App& app);
  // Each once: --arch, then --list, then as many others as --random says. Throws UsageError when there are none.
  std::vector<plan::ArchSpec> subnets(const plan::SearchSpace& space) const;
};

}  // namespace triage::cli
