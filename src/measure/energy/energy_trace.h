// EnergyTrace: samples of power or energy over time, integrated over windows.
#pragma once

#include <string>
#include <vector>

namespace triage::measure {

struct TraceLimits {
  double gap_seconds = 0;          // longest time between two samples in a window
  double max_watts = 0;            // more is not believed
  std::size_t fewest_samples = 5;  // inside a window: fewer leave too much to its two ends
};

class EnergyTrace {
 public:
  // origin: the file or sensor that messages name.
  EnergyTrace(std::string origin, TraceLimits limits) : origin_(std::move(origin)), limits_(limits) {}

  // One kind in a trace, in order of time (s). line: of the file, 0 where there is none. Power is taken to change
  // evenly from sample to sample. Throws Error for time that stands still or goes back, for energy that does, and for
  // more power than the limit.
  void add_power(double time, double watts, std::size_t line = 0);
  void add_energy(double time, double joules, std::size_t line = 0);

  bool empty() const { return samples_.empty(); }
  double first() const { return samples_.front().time; }
  double last() const { return samples_.back().time; }

  // J from begin to end. Throws Error when the samples do not cover it, at a gap, and for fewer samples than the limit.
  double joules(double begin, double end) const;

 private:
  struct Sample {
    double time, watts, joules;  // joules: since the first
    std::size_t line;
  };
  std::string where(std::size_t line) const;
  void check_time(double time, std::size_t line) const;
  double joules_at(double time) const;

  std::string origin_;
  TraceLimits limits_;
  std::vector<Sample> samples_;
  double first_joules_ = 0;
};

}  // namespace triage::measure
