#include "apps/triage/options/target_options.h"

#include <charconv>
#include <cmath>

#include "core/error.h"

namespace triage::cli {
namespace {

struct Quantity {
  double value = 0;
  std::string unit;  // what stands behind the number
};

// None: it does not begin with a finite number.
std::optional<Quantity> quantity(const std::string& text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
  return Quantity{value, std::string(rest, end)};
}

double parse_drop(const std::string& text) {
  const std::optional<Quantity> drop = quantity(text);
  if (!drop || drop->unit != "%" || !(drop->value >= 0 && drop->value < 100))
    throw UsageError("--max-drop: expected percentage points with their sign such as 1% or 0.5%, found '" + text + "'");
  return drop->value / 100;
}

}  // namespace

double parse_latency(const std::string& text) {
  const std::optional<Quantity> time = quantity(text);
  const std::string unit = time ? time->unit : "";
  const double scale = unit == "us" || unit == "µs" ? 1 : unit == "ms" ? 1e3 : unit == "s" ? 1e6 : 0;
  if (scale == 0 || !(time->value > 0))
    throw UsageError("--latency: expected a time with its unit (us, ms, s) such as 150us or 0.15ms, found '" + text +
                     "'");
  return time->value * scale;
}

double parse_share(const std::string& option, const std::string& text) {
  const std::optional<Quantity> share = quantity(text);
  const std::string expected = option + ": expected a share such as 90%, 90 or 0.9, found '" + text + "'";
  if (!share || (!share->unit.empty() && share->unit != "%")) throw UsageError(expected);
  if (share->unit.empty() && share->value == 1)
    throw UsageError(option + ": 1 may mean 1% or 100%: expected one of these, found '" + text + "'");
  const double value = share->unit == "%" || share->value > 1 ? share->value / 100 : share->value;
  if (!(value > 0 && value <= 1)) throw UsageError(expected);
  return value;
}

void TargetOptions::add_options(CLI::App& app) {
  auto* budget =
      app.add_option("--latency", latency, "most accurate plan with at most this mean latency: 150us, 0.15ms");
  auto* goal = app.add_option("--accuracy", accuracy, "cheapest plan with at least this validation accuracy: 90%")
                   ->excludes(budget);
  auto* drop = app.add_option("--max-drop", max_drop,
                              "cheapest plan that loses at most so many percentage points of validation accuracy "
                              "against its last net alone (of a search: against the front's best net alone): 1%")
                   ->excludes(budget)
                   ->excludes(goal);
  app.add_flag("--knee", knee, "the point farthest above the line between the static nets (the default)")
      ->excludes(budget)
      ->excludes(goal)
      ->excludes(drop);
}

workflow::BuildTarget TargetOptions::target() const {
  workflow::BuildTarget target;
  if (!latency.empty()) target.latency_us = parse_latency(latency);
  if (!accuracy.empty()) target.accuracy = parse_share("--accuracy", accuracy);
  if (!max_drop.empty()) target.max_drop = parse_drop(max_drop);
  return target;
}

}  // namespace triage::cli
