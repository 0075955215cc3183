#include "workflow/run/timing.h"

#include <algorithm>
#include <exception>

#include "core/clock.h"
#include "core/json.h"
#include "core/warning.h"

namespace triage::workflow {
void record_step(const fs::path& run, const std::string& step, double seconds) {
  const fs::path file = run / "timing.json";
  Json timing = fs::exists(file) ? read_sealed_json(file) : Json{{"unit", "s"}, {"steps", Json::object()}};
  Json& longest = timing["steps"][step];
  longest = std::max(longest.is_number() ? longest.get<double>() : 0.0, seconds);
  write_sealed_json(file, timing);
}

StepTimer::StepTimer(fs::path run, std::string step)
    : run_(std::move(run)), step_(std::move(step)), start_(steady_seconds()), exceptions_(std::uncaught_exceptions()) {}

StepTimer::~StepTimer() {
  if (std::uncaught_exceptions() > exceptions_) return;
  try {
    record_step(run_, step_, seconds_since(start_));
  } catch (const std::exception& error) {  // a lost timing must not lose the work that was timed
    warn(error.what());
  }
}

double total_minutes(const fs::path& run) {
  double seconds = 0;
  const Json timing = read_sealed_json(run / "timing.json");
  for (const auto& [step, value] : timing.at("steps").items()) seconds += value.get<double>();
  return seconds / 60;
}

std::optional<double> step_minutes(const fs::path& run, const std::string& step) {
  const fs::path file = run / "timing.json";
  const Json timing = fs::exists(file) ? read_sealed_json(file) : Json{{"steps", Json::object()}};
  const Json& steps = timing.at("steps");
  return steps.contains(step) ? std::optional(steps[step].get<double>() / 60) : std::nullopt;
}

}  // namespace triage::workflow
