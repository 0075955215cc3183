#include "workflow/run/timing.h"

#include <algorithm>
#include <exception>

#include "core/clock.h"
#include "core/json.h"
#include "core/warning.h"

namespace triage::workflow {
namespace {

fs::path timing_file(const fs::path& run) { return run / "timing.json"; }

Json timing_of(const fs::path& run) {
  const fs::path file = timing_file(run);
  return fs::exists(file) ? read_sealed_json(file) : Json{{"unit", "s"}, {"steps", Json::object()}};
}

}  // namespace

void record_step(const fs::path& run, const std::string& step, double seconds) {
  Json timing = timing_of(run);
  Json& longest = timing["steps"][step];
  longest = std::max(longest.is_number() ? longest.get<double>() : 0.0, seconds);
  write_sealed_json(timing_file(run), timing);
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
  const Json timing = read_sealed_json(timing_file(run));
  for (const auto& [step, value] : timing.at("steps").items()) seconds += value.get<double>();
  return seconds / 60;
}

std::optional<double> step_minutes(const fs::path& run, const std::string& step) {
  const Json timing = timing_of(run);
  const Json& steps = timing.at("steps");
  return steps.contains(step) ? std::optional(steps[step].get<double>() / 60) : std::nullopt;
}

}  // namespace triage::workflow
