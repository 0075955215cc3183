// Energy of one run of a callable, apart from all measurements of its latency.
//
// The machine asleep first, then windows of runs and nothing else, all subjects in turn, so that a drift hits all
// alike. Gross is all that the source saw during a window; net is without what the idle machine would have used
// meanwhile.
#pragma once

#include "cost_tables/energy_cost.h"
#include "measure/energy/energy_source.h"

namespace triage::measure {

struct EnergyOptions {
  double rest_seconds = 1;    // asleep before the idle window: clocks and fans come down
  double idle_seconds = 2;    // of the idle window
  double window_seconds = 2;  // a window ends with the first run that ends after this time
  int windows = 3;            // of each subject, at least 3
  int settle_runs = 10;       // before each window
  double tolerance = 0.10;    // stable: net energies of the windows lie this close together
  StopToken stop;
};

struct EnergyWindow {
  double seconds = 0, joules = 0;
  std::size_t runs = 0;
};

struct EnergyMeasurement {
  EnergyWindow idle;  // runs 0
  std::vector<EnergyWindow> windows;
  double gross_uj = 0, net_uj = 0;  // per run, over all windows; net may be below 0 when the work is lost in the noise
  double spread = 0;                // of the windows' net energies per run: (largest - smallest) / their mean
  bool stable = false;
  cost::EnergyCost cost(const std::string& source) const;
};

struct EnergyTime {  // tests hand in a fake
  Clock now = steady_seconds;
  std::function<void(double)> sleep;  // empty: sleeps
};

// One measurement for each subject. progress gets how many windows of how many are done, the idle one among them.
// Throws Error on options that make no measurement and what the source throws, Interrupted when it is to stop.
std::vector<EnergyMeasurement> measure_energy(
    const std::vector<Callable>& subjects, const EnergyOptions& options, EnergySource& source,
    const EnergyTime& time = {}, const std::function<void(std::size_t done, std::size_t total)>& progress = {});

}  // namespace triage::measure
