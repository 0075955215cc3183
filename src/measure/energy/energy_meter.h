// An external meter's CSV file, which another program writes during the measurement or somebody puts there after it.
#pragma once

#include "measure/energy/energy_source.h"
#include "measure/energy/energy_trace.h"

namespace triage::measure {

inline constexpr TraceLimits kMeterLimits{.gap_seconds = 2.5, .max_watts = 5000};

// A header names the columns, in any order, others may stand beside them: `time` (seconds since 1970 or ISO 8601, UTC
// where it names no zone) and one of `power_w`, `power_mw`, `energy_j`, `energy_mwh` (which only grows). Letters' case
// and what is no letter or digit do not matter: "Power (mW)" is power_mw. A line counts once it ends; lines that begin
// with # do not. clock_offset is added to times. Throws Error naming origin, line, found and expected.
EnergyTrace parse_meter(std::string_view text, const std::string& origin, double clock_offset = 0);

std::string utc_text(double seconds);  // since 1970: "2026-01-31T12:00:00.250Z"

// Windows are taken by the wall clock. take_joules() reads the file until it covers them, at most `wait_seconds`.
class MeterFile : public EnergySource {
 public:
  // A file that does not exist yet is waited for; one that does must have a header.
  MeterFile(fs::path file, double clock_offset, double wait_seconds, Clock wall_clock, StopToken stop = {});

  std::string name() const override { return "csv"; }
  std::string covers() const override { return "what the meter of " + file_.string() + " measures"; }
  void begin() override;
  void end() override;
  std::vector<double> take_joules() override;

 private:
  EnergyTrace read() const;

  fs::path file_;
  double clock_offset_, wait_seconds_;
  Clock wall_clock_;
  StopToken stop_;
  double start_ = 0;
  std::vector<std::pair<double, double>> windows_;
};

}  // namespace triage::measure
