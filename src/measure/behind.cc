#include "measure/behind.h"

#include <algorithm>
#include <array>

namespace triage::measure {
namespace {

constexpr std::size_t kRounds = 7;
constexpr int kLeastTurns = 4;  // of a window

class Turns {
 public:
  Turns(const std::vector<Callable>& subjects, const MeasureOptions& options, const Clock& clock)
      : subjects_(subjects),
        settle_(std::max(options.settle_runs, 1)),
        seconds_(std::min(options.window_seconds, options.min_seconds / static_cast<double>(kRounds))),
        stop_(options.stop),
        clock_(clock),
        next_(subjects.size()) {}

  // The mean seconds of each of two, run by turns; of one alone where both are the same.
  std::array<double, 2> window(std::size_t one, std::size_t other) {
    stop_if_requested(stop_);
    for (int i = 0; i < settle_; ++i) {
      time_one(one);
      time_one(other);
    }
    std::array<double, 2> seconds{};
    int turns = 0;
    do {
      seconds[0] += time_one(one);
      seconds[1] += time_one(other);
      ++turns;
    } while (turns < kLeastTurns || seconds[0] + seconds[1] < seconds_);
    for (double& sum : seconds) sum /= turns;
    return seconds;
  }

 private:
  double time_one(std::size_t subject) {
    const double start = clock_();
    subjects_[subject](next_[subject]++);
    return clock_() - start;
  }

  const std::vector<Callable>& subjects_;
  int settle_;
  double seconds_;
  StopToken stop_;
  const Clock& clock_;
  std::vector<std::size_t> next_;
};

}  // namespace

std::vector<std::vector<double>> behind_ratios(const std::vector<Callable>& subjects, const MeasureOptions& options,
                                               const Clock& clock,
                                               const std::function<void(std::size_t round)>& on_round) {
  const std::size_t n = subjects.size();
  Turns turns(subjects, options, clock);
  std::vector<std::vector<std::vector<double>>> rounds(n, std::vector<std::vector<double>>(n));
  for (std::size_t round = 0; round < kRounds; ++round) {
    if (on_round) on_round(round);
    std::vector<double> alone(n);
    for (std::size_t i = 0; i < n; ++i) {
      const auto [first, second] = turns.window(i, i);
      alone[i] = (first + second) / 2;
    }
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = i + 1; j < n; ++j) {
        const auto [first, second] = turns.window(i, j);
        rounds[i][j].push_back(first / alone[i]);
        rounds[j][i].push_back(second / alone[j]);
      }
    }
  }
  std::vector<std::vector<double>> ratios(n, std::vector<double>(n, 1));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j)
      if (i != j) ratios[i][j] = std::max(summarize(rounds[i][j]).median, 1.0);
  }
  return ratios;
}

}  // namespace triage::measure
