#include "measure/energy/energy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>

#include "core/error.h"

namespace triage::measure {
namespace {

constexpr double kNap = 0.1;  // s: how soon Ctrl-C ends a sleep

void check_energy(const EnergyOptions& options) {
  const auto require = [](const char* field, double found, double above) {
    if (!(found > above)) fail("measure energy: {}: found {}, expected more than {}", field, found, above);
  };
  require("idle_seconds", options.idle_seconds, 0);
  require("window_seconds", options.window_seconds, 0);
  require("windows", options.windows, 2);
  require("tolerance", options.tolerance, 0);
}

void check_stop(StopToken stop) {
  if (stop.requested()) throw Interrupted("measuring energy was interrupted; nothing was written, start it again");
}

void sleep_or_stop(double seconds, StopToken stop) {
  for (const double end = steady_seconds() + seconds; steady_seconds() < end;) {
    check_stop(stop);
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(kNap, end - steady_seconds())));
  }
}

void summarize_energy(EnergyMeasurement& m, double tolerance) {
  const double idle_watts = m.idle.joules / m.idle.seconds;
  double joules = 0, seconds = 0, runs = 0;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const EnergyWindow& window : m.windows) {
    const double net = (window.joules - idle_watts * window.seconds) / static_cast<double>(window.runs) * 1e6;
    low = std::min(low, net);
    high = std::max(high, net);
    joules += window.joules;
    seconds += window.seconds;
    runs += static_cast<double>(window.runs);
  }
  m.gross_uj = joules / runs * 1e6;
  m.net_uj = (joules - idle_watts * seconds) / runs * 1e6;
  m.spread = (high - low) / std::abs(m.net_uj);
  m.stable = m.net_uj > 0 && m.spread <= tolerance;
}

}  // namespace

cost::EnergyCost EnergyMeasurement::cost(const std::string& source) const {
  cost::EnergyCost cost{.gross_uj = gross_uj,
                        .net_uj = net_uj,
                        .idle_watts = idle.joules / idle.seconds,
                        .source = source,
                        .stable = stable};
  for (const EnergyWindow& window : windows) {
    cost.window_seconds += window.seconds;
    cost.runs += window.runs;
  }
  return cost;
}

std::vector<EnergyMeasurement> measure_energy(const std::vector<Callable>& subjects, const EnergyOptions& options,
                                              EnergySource& source, const EnergyTime& time,
                                              const std::function<void(std::size_t, std::size_t)>& progress) {
  check_energy(options);
  const std::function<void(double)> sleep =
      time.sleep ? time.sleep : [&](double seconds) { sleep_or_stop(seconds, options.stop); };
  const auto rounds = static_cast<std::size_t>(options.windows);
  const std::size_t total = 1 + subjects.size() * rounds;
  std::size_t done = 0;
  const auto advance = [&] {
    if (progress) progress(++done, total);
  };

  EnergyWindow idle;
  sleep(options.rest_seconds);
  source.begin();
  const double asleep = time.now();
  sleep(options.idle_seconds);
  idle.seconds = time.now() - asleep;
  source.end();
  advance();

  std::vector<EnergyMeasurement> measurements(subjects.size());
  std::vector<std::size_t> next(subjects.size());  // runs rotate through a subject's inputs
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t s = 0; s < subjects.size(); ++s) {
      EnergyWindow window;
      for (int i = 0; i < options.settle_runs; ++i) subjects[s](next[s]++);
      source.begin();
      const double start = time.now();
      do {
        check_stop(options.stop);
        subjects[s](next[s]++);
        ++window.runs;
        window.seconds = time.now() - start;
      } while (window.seconds < options.window_seconds);
      source.end();
      measurements[s].windows.push_back(window);
      advance();
    }
  }

  const std::vector<double> joules = source.take_joules();
  if (joules.size() != total) fail("{}: found {} windows, expected {}", source.name(), joules.size(), total);
  idle.joules = joules.front();
  for (std::size_t s = 0; s < subjects.size(); ++s) {
    EnergyMeasurement& m = measurements[s];
    m.idle = idle;
    for (std::size_t round = 0; round < rounds; ++round) {
      m.windows[round].joules = joules[1 + round * subjects.size() + s];
    }
    summarize_energy(m, options.tolerance);
  }
  return measurements;
}

}  // namespace triage::measure
