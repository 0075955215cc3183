#include "measure/energy/energy_trace.h"

#include <algorithm>

#include "core/error.h"

namespace triage::measure {

std::string EnergyTrace::where(std::size_t line) const {
  return line == 0 ? origin_ : std::format("{}:{}", origin_, line);
}

void EnergyTrace::check_time(double time, std::size_t line) const {
  if (!samples_.empty() && !(time > last())) {
    fail("{}: time: found {:.3f} s after {:.3f} s, expected a later one", where(line), time, last());
  }
}

void EnergyTrace::add_power(double time, double watts, std::size_t line) {
  check_time(time, line);
  if (!(watts >= 0 && watts <= limits_.max_watts)) {
    fail("{}: power: found {} W, expected 0 to {} W", where(line), watts, limits_.max_watts);
  }
  double joules = 0;
  if (!samples_.empty()) joules = samples_.back().joules + (time - last()) * (watts + samples_.back().watts) / 2;
  samples_.push_back({time, watts, joules, line});
}

void EnergyTrace::add_energy(double time, double joules, std::size_t line) {
  check_time(time, line);
  if (samples_.empty()) first_joules_ = joules;
  const double since = joules - first_joules_;
  if (!samples_.empty()) {
    const double step = since - samples_.back().joules, most = limits_.max_watts * (time - last());
    if (!(step >= 0 && step <= most)) {
      fail("{}: energy: found a step of {} J within {:.3f} s, expected 0 to {} J (at most {} W)", where(line), step,
           time - last(), most, limits_.max_watts);
    }
  }
  samples_.push_back({time, 0, since, line});
}

double EnergyTrace::joules_at(double time) const {
  const auto after = std::ranges::upper_bound(samples_, time, {}, &Sample::time);
  if (after == samples_.end()) return samples_.back().joules;
  const Sample &a = after[-1], &b = *after;
  return a.joules + (b.joules - a.joules) * (time - a.time) / (b.time - a.time);
}

double EnergyTrace::joules(double begin, double end) const {
  if (empty() || first() > begin || last() < end) {
    fail("{}: found {}, expected samples from {:.3f} to {:.3f} s", origin_,
         empty() ? "no sample" : std::format("samples from {:.3f} to {:.3f} s", first(), last()), begin, end);
  }
  const auto inside = std::ranges::lower_bound(samples_, begin, {}, &Sample::time);
  const auto beyond = std::ranges::upper_bound(samples_, end, {}, &Sample::time);
  for (auto i = inside == samples_.begin() ? inside + 1 : inside; i != samples_.end() && i[-1].time < end; ++i) {
    if (i->time - i[-1].time > limits_.gap_seconds) {
      fail("{}: found no sample for {:.3f} s, expected one every {} s", where(i->line), i->time - i[-1].time,
           limits_.gap_seconds);
    }
  }
  const auto found = static_cast<std::size_t>(beyond - inside);
  if (found < limits_.fewest_samples) {
    fail("{}: found {} sample(s) in a window of {:.3f} s, expected at least {}; a longer window holds more", origin_,
         found, end - begin, limits_.fewest_samples);
  }
  return joules_at(end) - joules_at(begin);
}

}  // namespace triage::measure
