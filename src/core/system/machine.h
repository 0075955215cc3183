// Where a number was measured, and the files of record that hold such numbers.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/json.h"
#include "core/statistics/statistics.h"

namespace triage {

// cpu, cores, usable_cpus of them and why (limits.h), flags (those that matter to kernels), memory, kernel, governor
// and frequency where the system tells.
Json machine_context();
std::string git_revision();  // of the source tree at build time, "-dirty" when it had changes; or "unknown"
std::string iso_time_now();

// results/TOPIC.json (schema in docs/formats.md): one figure replaced or added at a time, written by the measurer.
struct Figure {
  double value = 0;
  std::string unit;
  std::optional<Interval> interval;
  std::optional<int> n;
};
Json read_figures(const fs::path& file);  // throws Error where it holds something else
void record_figures(const fs::path& file, const std::string& command, const std::map<std::string, Figure>& figures);

}  // namespace triage
