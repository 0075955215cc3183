// What a user says of nets by their names: NET=FILE and NET=VALUE of a command line.
#pragma once

#include <string>
#include <vector>

#include "workflow/cascade/imported_net.h"

namespace triage::workflow {

struct NetOptions {
  std::vector<std::string> files;
  std::vector<std::string> preprocess, classes, answers, features;  // each "NET=..." with NET the file's stem
};

// Reads the files that the options name. Throws UsageError for an option of a net that is not there or said twice,
// Error where a file is not what it should be.
std::vector<NetSource> net_sources(const NetOptions& options);

// Names of classes: a JSON list, an object from name to number or back, or a text with a name in each line.
std::vector<std::string> read_class_names(const fs::path& file);

}  // namespace triage::workflow
