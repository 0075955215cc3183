// What train and run share: which configuration, with which changes, in which directory.
#pragma once

#include "workflow/run/pipeline.h"

namespace CLI {
class App;
}

namespace triage::cli {

struct RunOptions {
  std::string config, run, from;
  std::vector<std::string> settings;
  int epochs = 0;  // 0: the configuration's
  bool dry_run = false;

  void add_options(CLI::App& app);
  workflow::RunConfig load() const;                             // with the changes
  fs::path directory(const workflow::RunConfig& config) const;  // throws UsageError where it cannot be written to
};

// --set, for every command that reads a configuration.
void add_settings_option(CLI::App& app, std::vector<std::string>& settings);

// --dry-run: sizes of data, splits and networks, and how long the training will take. Writes nothing.
int tell_dry_run(const workflow::Workspace& workspace, bool json);

}  // namespace triage::cli
