#include "cli/target_options.h"

#include "core/error.h"

namespace triage::cli {
namespace {

// "150us", "0.15ms", "150": microseconds.
double parse_latency(const std::string& text) {
  std::size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  const std::string unit = text.substr(used);
  const double scale = unit.empty() || unit == "us" ? 1 : unit == "ms" ? 1e3 : unit == "s" ? 1e6 : 0;
  if (used == 0 || scale == 0 || !(value > 0))
    throw UsageError("--latency: expected a time such as 150us or 0.15ms, found '" + text + "'");
  return value * scale;
}

}  // namespace

double parse_share(const std::string& option, const std::string& text) {
  std::size_t used = 0;
  double value = -1;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  const std::string unit = text.substr(used);
  if (unit == "%") value /= 100;
  if (used == 0 || (!unit.empty() && unit != "%") || !(value > 0 && value <= 1)) {
    throw UsageError(option + ": expected a share such as 90% or 0.9, found '" + text + "'");
  }
  return value;
}

void TargetOptions::add_options(CLI::App& app) {
  auto* budget =
      app.add_option("--latency", latency, "most accurate plan with at most this mean latency: 150us, 0.15ms");
  auto* goal = app.add_option("--accuracy", accuracy, "cheapest plan with at least this validation accuracy: 90%")
                   ->excludes(budget);
  app.add_flag("--knee", knee, "the point farthest above the line between the static nets (the default)")
      ->excludes(budget)
      ->excludes(goal);
}

BuildTarget TargetOptions::target() const {
  BuildTarget target;
  if (!latency.empty()) target.latency_us = parse_latency(latency);
  if (!accuracy.empty()) target.accuracy = parse_share("--accuracy", accuracy);
  return target;
}

}  // namespace triage::cli
