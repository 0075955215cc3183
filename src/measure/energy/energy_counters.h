// Sources that count energy: RAPL through powercap, and perf's power/energy-pkg/.
#pragma once

#include "measure/energy/energy_source.h"

namespace triage::measure {

inline constexpr double kMaxPackageWatts = 1000;  // more, of one counter, is not believed

struct EnergyCounter {
  std::string name;              // the file or the event, for messages
  std::function<double()> read;  // J
  double range = 0;              // J after which it begins at 0 again; 0: never
};

// J between two readings `seconds` apart. Throws Error when no single wrap and no power up to kMaxPackageWatts
// explains them, or when so long a time may hide a second wrap.
double counted_joules(const EnergyCounter& counter, double before, double now, double seconds);

// The sum of counters that are read at both ends of a window.
class CounterSource : public EnergySource {
 public:
  CounterSource(std::string name, std::string covers, std::vector<EnergyCounter> counters,
                Clock clock = steady_seconds);  // reads every counter once

  std::string name() const override { return name_; }
  std::string covers() const override { return covers_; }
  void begin() override;
  void end() override;
  std::vector<double> take_joules() override;

 private:
  std::vector<double> read() const;

  std::string name_, covers_;
  std::vector<EnergyCounter> counters_;
  Clock clock_;
  double start_ = 0;
  std::vector<double> before_, joules_;
};

}  // namespace triage::measure
