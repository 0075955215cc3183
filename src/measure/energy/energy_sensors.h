// Sensors of power, sampled by a thread: Jetson's INA3221, Raspberry Pi 5's PMIC.
#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "measure/energy/energy_source.h"
#include "measure/energy/energy_trace.h"

namespace triage::measure {

// Samples from the first begin() to take_joules(), which takes the last sample itself. What the thread costs is in the
// idle machine's power as well as in that of the work.
class SampledPower : public EnergySource {
 public:
  // watts: throws Error when it cannot be read; called by one thread at a time. Called once here. clock: thread-safe.
  SampledPower(std::string name, std::string covers, std::function<double()> watts, double period_seconds,
               Clock clock = steady_seconds);
  ~SampledPower() override;

  std::string name() const override { return name_; }
  std::string covers() const override { return covers_; }
  void begin() override;
  void end() override;
  std::vector<double> take_joules() override;

 private:
  void sample();
  void sample_until_stopped();
  void stop();

  std::string name_, covers_;
  std::function<double()> watts_;
  double period_;
  Clock clock_;
  double start_ = 0;
  std::vector<std::pair<double, double>> windows_;

  std::thread thread_;  // while it runs, trace_ and error_ are its own
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  EnergyTrace trace_;
  std::exception_ptr error_;
};

// Of `vcgencmd pmic_read_adc`: the sum of volts x amperes of all rails that have both. Throws Error naming origin and
// line.
double pmic_watts(std::string_view text, const std::string& origin);

}  // namespace triage::measure
