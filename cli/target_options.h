// Which point of a curve or front a user asks for: options that several commands share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/run_config.h"

namespace triage::cli {

// "90%", "0.9". Throws UsageError that names the option.
double parse_share(const std::string& option, const std::string& text);

struct TargetOptions {
  std::string latency, accuracy;
  bool knee = false;

  void add_options(CLI::App& app);  // --latency, --accuracy, --knee
  bool given() const { return knee || !latency.empty() || !accuracy.empty(); }
  BuildTarget target() const;  // throws UsageError for what is no time or no share
};

}  // namespace triage::cli
