// Which subnets of a space are meant.
#pragma once

#include <string>
#include <vector>

#include "family/family.h"

namespace triage::workflow {

// "ARCH" or "largest" or "smallest"; throws Error when it is not in the space.
family::ArchSpec subnet_of(const family::Space& space, const std::string& text);

struct SubnetList {
  std::vector<std::string> archs;
  std::string list;  // file with a subnet on each line; # begins a comment
  int random = 0;
  std::uint64_t seed = 1;

  // Each once: archs, then the list's, then as many others as `random` says. Throws UsageError when there are none.
  std::vector<family::ArchSpec> subnets(const family::Space& space) const;
};

}  // namespace triage::workflow
