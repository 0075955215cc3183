// Which point of a curve or front a user asks for: options that several commands share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "workflow/config/run_config.h"

namespace triage::cli {

// "90%", "0.9", "90": from 0 to 1 a share, above 1 percent; "1" could be both and is refused. Throws UsageError that
// names the option.
double parse_share(const std::string& option, const std::string& text);

// The value of --latency, "150us", "0.15ms": microseconds. Throws UsageError.
double parse_latency(const std::string& text);

struct TargetOptions {
  std::string latency, accuracy, max_drop;
  bool knee = false;

  void add_options(CLI::App& app);  // --latency, --accuracy, --max-drop, --knee
  bool given() const { return knee || !latency.empty() || !accuracy.empty() || !max_drop.empty(); }
  workflow::BuildTarget target() const;  // throws UsageError for what is no time with a unit or no share
};

}  // namespace triage::cli
