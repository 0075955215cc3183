// Wall-clock timing of one or several callables on a machine that others may share.
//
// Runs are grouped in windows. A subject is done when it has been timed long and often enough (min_seconds and
// min_runs) AND the means of its last three windows agree within the tolerance; max_seconds or max_runs end it
// unstable. Several subjects are measured in rounds of one window each, all of them until the last one is done, so
// that a drift of the machine (frequency, neighbours) hits all alike and ratios between them hold.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/context.h"
#include "core/statistics/statistics.h"

namespace triage::measure {

using Callable = std::function<void(std::size_t run)>;  // run counts from 0: subjects rotate through their inputs

struct MeasureOptions {
  int warmup_runs = 10;          // before the first window: at least this many runs
  double warmup_seconds = 0.05;  // and this long
  int settle_runs = 2;           // untimed, at the start of every window: the subject before has emptied the caches
  double window_seconds = 0.1;   // a window ends after this time
  int window_runs = 8;           // and this many runs
  double min_seconds = 0.5;      // timed, warm-up apart
  int min_runs = 50;
  double max_seconds = 3;
  std::size_t max_runs = 1'000'000;
  double tolerance = 0.10;  // of the smallest of the three means
  StopToken stop;
};

struct Window {
  std::size_t first = 0, count = 0;  // range of Measurement::samples_us
  double mean_us = 0;
};

struct Measurement {
  Summary latency_us;              // of the samples, per run
  std::vector<double> samples_us;  // in the order they were taken
  std::vector<Window> windows;
  bool stable = false;
  double first_us = 0;  // the very first run, not among the samples
};

// Whether the last three windows' means lie within `tolerance` of the smallest of them. Fewer than three: no.
bool windows_agree(const std::vector<Window>& windows, double tolerance);

// Throws Interrupted when it is to stop.
void stop_if_requested(const StopToken& stop);

// Throws Error on options that can never end (window, maximum or tolerance not positive), Interrupted when it is
// to stop, and whatever the callable throws.
Measurement measure(const Callable& subject, const MeasureOptions& options, const Clock& clock = steady_seconds);
std::vector<Measurement> measure_interleaved(const std::vector<Callable>& subjects, const MeasureOptions& options,
                                             const Clock& clock = steady_seconds,
                                             const std::function<void(std::size_t round)>& on_round = {});

// Binds the calling thread, and every thread it starts from then on, to the given cores; the destructor restores
// what was there for the calling thread. No cores: does nothing. Throws Error when a core does not exist.
class PinnedScope {
 public:
  explicit PinnedScope(const std::vector<int>& cores);
  ~PinnedScope();
  PinnedScope(const PinnedScope&) = delete;
  PinnedScope& operator=(const PinnedScope&) = delete;

 private:
  std::vector<unsigned char> before_;  // a cpu_set_t; empty when nothing was changed
};

}  // namespace triage::measure
