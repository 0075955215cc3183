// What train and run share: which configuration, with which changes, in which directory.
#pragma once

#include "workflow/run/processes.h"

namespace CLI {
class App;
}

namespace triage::cli {

struct RunOptions {
  std::string config, run, from;
  std::vector<std::string> settings;
  int epochs = 0;     // 0: the configuration's
  int processes = 0;  // that train together; 0: what the environment says, or one
  bool dry_run = false;

  void add_options(CLI::App& app);
  workflow::RunConfig load() const;                             // with the changes
  fs::path directory(const workflow::RunConfig& config) const;  // throws UsageError where it cannot be written to
  std::optional<train::Place> place() const;  // of this process among those that train together; none: it is alone
};

// --set, for every command that reads a configuration.
void add_settings_option(CLI::App& app, std::vector<std::string>& settings);

// Another rank than the first says nothing unless it fails.
bool is_first(const std::optional<train::Place>& place);
Context context_of(const std::optional<train::Place>& place, bool quiet);

// Does `work`, together with the others where there are some. Returns the exit code.
int work_at(const std::optional<train::Place>& place, workflow::Workspace& workspace,
            const std::function<void()>& work);

// All steps of an opened run; then figures into the file that is named, and results on stdout.
struct RunAnswer {
  std::string figures;  // results/*.json; empty: none
  bool accuracy_only = false, json = false;
};
void run_and_tell(const workflow::Workspace& workspace, const std::string& command, const RunAnswer& wanted);

// --dry-run: sizes of data, splits and networks, and how long the training will take. Writes nothing.
int tell_dry_run(const workflow::Workspace& workspace, bool json);

}  // namespace triage::cli
