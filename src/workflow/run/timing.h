// RUN/timing.json: how long the steps of a run took.
#pragma once

#include <optional>
#include <string>

#include "core/files/file.h"

namespace triage::workflow {

// Seconds of a named step. What is repeated counts once, with its longest time (the later ones find
// things done). Training keeps its own time over all parts of a run that was interrupted or killed.
void record_step(const fs::path& run, const std::string& step, double seconds);

// Records the time from construction to destruction, unless that is by an exception.
class StepTimer {
 public:
  StepTimer(fs::path run, std::string step);
  ~StepTimer();

 private:
  fs::path run_;
  std::string step_;
  double start_;
  int exceptions_;
};
double total_minutes(const fs::path& run);
std::optional<double> step_minutes(const fs::path& run, const std::string& step);  // none: it was not recorded

}  // namespace triage::workflow
