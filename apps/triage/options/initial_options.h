// What `triage init` and `triage auto` share: which data, and the time and latency that there are.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "workflow/suggest/initial_run.h"

namespace triage::cli {

struct InitialOptions {
  std::string data, latency;
  double minutes = 30;
  int side = 0;

  void add_options(CLI::App& app);
  std::string name() const;  // of the data: the folder's, or the file's without its ending
  // Chooses, writes `out` and says what was chosen and why. Throws UsageError where `out` exists.
  void write_config(const fs::path& out, const Context& context, bool quiet) const;
};

}  // namespace triage::cli
