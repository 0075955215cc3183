#include "measure/latency.h"

#include <algorithm>

#include "core/error.h"

namespace triage::measure {
namespace {

constexpr std::size_t kWindowsCompared = 3;

void check(const MeasureOptions& options) {
  if (options.window_seconds <= 0 && options.window_runs <= 0) {
    fail("measure: a window needs a length: found window_seconds {} and window_runs {}", options.window_seconds,
         options.window_runs);
  }
  if (!(options.max_seconds > 0)) fail("measure: max_seconds: found {}, expected more than 0", options.max_seconds);
  if (options.max_runs == 0) fail("measure: max_runs: found 0, expected at least 1");
  if (!(options.tolerance > 0)) fail("measure: tolerance: found {}, expected more than 0", options.tolerance);
}

// One callable, its samples so far and the stop rule.
class Subject {
 public:
  Subject(const Callable& run, const MeasureOptions& options, const Clock& clock)
      : run_(run), options_(options), clock_(clock) {}

  void warm_up() {
    result_.first_us = time_one() * 1e6;
    const double start = clock_();
    for (int i = 1; i < options_.warmup_runs || clock_() - start < options_.warmup_seconds; ++i) run_(next_++);
  }

  void window() {
    for (int i = 0; i < options_.settle_runs; ++i) run_(next_++);
    Window window{.first = result_.samples_us.size()};
    double seconds = 0;
    do {
      const double one = time_one();
      result_.samples_us.push_back(one * 1e6);
      seconds += one;
      ++window.count;
    } while (!exhausted(seconds) &&
             (seconds < options_.window_seconds || window.count < static_cast<std::size_t>(options_.window_runs)));
    seconds_ += seconds;
    window.mean_us = seconds * 1e6 / static_cast<double>(window.count);
    result_.windows.push_back(window);
    result_.stable = windows_agree(result_.windows, options_.tolerance);
  }

  bool exhausted(double running = 0) const {
    return seconds_ + running >= options_.max_seconds || result_.samples_us.size() >= options_.max_runs;
  }

  bool done() const {
    if (exhausted()) return true;
    return result_.stable && seconds_ >= options_.min_seconds &&
           result_.samples_us.size() >= static_cast<std::size_t>(std::max(options_.min_runs, 0));
  }

  Measurement take() {
    result_.latency_us = summarize(result_.samples_us);
    return std::move(result_);
  }

 private:
  double time_one() {
    const double start = clock_();
    run_(next_++);
    return clock_() - start;
  }

  const Callable& run_;
  const MeasureOptions& options_;
  const Clock& clock_;
  Measurement result_;
  std::size_t next_ = 0;
  double seconds_ = 0;
};

}  // namespace

bool windows_agree(const std::vector<Window>& windows, double tolerance) {
  if (windows.size() < kWindowsCompared) return false;
  const auto [low, high] = std::minmax_element(windows.end() - kWindowsCompared, windows.end(),
                                               [](const Window& a, const Window& b) { return a.mean_us < b.mean_us; });
  return high->mean_us - low->mean_us <= tolerance * low->mean_us;
}

void stop_if_requested(const StopToken& stop) {
  if (stop.requested()) throw Interrupted("measuring was interrupted; nothing was written, start it again");
}

Measurement measure(const Callable& subject, const MeasureOptions& options, const Clock& clock) {
  return std::move(measure_interleaved({subject}, options, clock).front());
}

std::vector<Measurement> measure_interleaved(const std::vector<Callable>& callables, const MeasureOptions& options,
                                             const Clock& clock,
                                             const std::function<void(std::size_t round)>& on_round) {
  check(options);
  std::vector<Subject> subjects;
  subjects.reserve(callables.size());
  for (const Callable& callable : callables) subjects.emplace_back(callable, options, clock);
  for (Subject& subject : subjects) subject.warm_up();

  // A subject that used up its time is left alone while the others finish; one that is merely done goes on.
  for (std::size_t round = 0;; ++round) {
    stop_if_requested(options.stop);
    if (on_round) on_round(round);
    if (std::ranges::all_of(subjects, &Subject::done)) break;
    for (Subject& subject : subjects) {
      if (!subject.exhausted()) subject.window();
    }
  }
  std::vector<Measurement> measurements;
  for (Subject& subject : subjects) measurements.push_back(subject.take());
  return measurements;
}

}  // namespace triage::measure
