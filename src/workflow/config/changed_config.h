// A configuration with changes that hold for all its networks.
#pragma once

#include "workflow/config/run_config.h"

namespace triage::workflow {

struct ConfigChanges {
  std::vector<std::string> settings;  // as of Config::load
  int epochs = 0;                     // of every network that is trained; 0: as the configuration says
  fs::path from;  // a finished run of the same networks, whose weights training goes on from; empty: none
};

// Throws UsageError where `from` is no finished run of them.
RunConfig load_changed_config(const fs::path& file, const ConfigChanges& changes);

}  // namespace triage::workflow
