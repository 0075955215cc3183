// EnergySource: what tells how much energy the machine used. Interface, the table of sources, and how one is found.
//
// A measurement marks windows of time while it works and asks for their energy once all is done, because some sources
// only know then: counters are read at both ends of a window, power is sampled by a thread and integrated, and an
// external meter's file is read when it covers the last window.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/files/file.h"
#include "measure/latency.h"

namespace triage::measure {

class EnergySource {
 public:
  virtual ~EnergySource() = default;
  virtual std::string name() const = 0;    // "rapl"
  virtual std::string covers() const = 0;  // what is in its numbers, and what is not
  // One window: begin(), work, end(). Windows follow each other and do not nest. Throws Error when it cannot be read.
  virtual void begin() = 0;
  virtual void end() = 0;
  // J of every window since the last call, in order. May wait for the source. Throws Error that names the file or the
  // counter, what was found and what was expected, when a window has no trustworthy number: a counter that jumped, a
  // gap between samples, more power than is possible.
  virtual std::vector<double> take_joules() = 0;
};

// Where sources are looked for; tests hand in others.
struct EnergyPlaces {
  fs::path root = "/";                                  // below it: sys/class/powercap, sys/class/hwmon, ...
  std::string pmic_command = "vcgencmd pmic_read_adc";  // through the shell
  double meter_clock_offset = 0;                        // s to add to the times of a meter's file to get this machine's
  double meter_wait_seconds = 30;                       // for a meter's file to cover the last window
  StopToken stop;                                       // of that wait
};

// Each throws Error that says why it is not available.
std::unique_ptr<EnergySource> open_rapl(const EnergyPlaces& places);
std::unique_ptr<EnergySource> open_perf(const EnergyPlaces& places);
std::unique_ptr<EnergySource> open_ina(const EnergyPlaces& places);
std::unique_ptr<EnergySource> open_pmic(const EnergyPlaces& places);
std::unique_ptr<EnergySource> open_meter(const fs::path& file, const EnergyPlaces& places);

struct FoundEnergy {
  std::unique_ptr<EnergySource> source;  // null: not available
  std::string text;                      // "rapl: CPU packages ..."; or "not available: rapl: ...; perf: ..."
};

// which: "rapl", "perf", "ina", "pmic" or "csv:FILE", and throws Error where that one is not available; or "auto": the
// first of those that are on this machine, no meter. An unknown name is a UsageError.
FoundEnergy find_energy(const std::string& which, const EnergyPlaces& places = {});

}  // namespace triage::measure
