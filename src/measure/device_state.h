// What a device was doing while it was measured: frequency, temperature, throttling, memory, from /sys and /proc and,
// on a Raspberry Pi, from its firmware. What a device does not tell is absent here and "not available" in files.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/json.h"

namespace triage::measure {

struct CoreState {
  std::optional<double> mhz, max_mhz;  // now; what the system lets it reach
  std::string governor;                // empty: not available
};

struct DeviceState {
  std::map<int, CoreState> cores;                       // by number
  std::map<std::string, double> celsius;                // by thermal zone, "thermal_zone0 cpu-thermal"
  std::map<std::string, std::uint64_t> throttle_count;  // x86: since boot, "cpu0 core", "cpu0 package"
  std::optional<std::uint32_t> firmware;                // Raspberry Pi: the bits of `vcgencmd get_throttled`
  std::optional<std::uint64_t> memory_kb, available_kb;
  std::optional<double> load;  // runnable programs, mean of the last minute
};

struct StateLimits {  // what a measurement may see and still count as stable
  double frequency_drop_percent = 5;
  double temperature_rise_celsius = 15;
};

// root: where /sys and /proc are. vcgencmd: prints "throttled=0x0", or nothing where there is no such program; asked
// when the kernel does not tell.
DeviceState read_device_state(const fs::path& root = "/");
DeviceState read_device_state(const fs::path& root, const std::function<std::string()>& vcgencmd);
std::optional<std::uint32_t> parse_throttled(const std::string& answer);  // "throttled=0x50005", "50005"

Json to_json(const DeviceState& state);

// Why a measurement between the two states does not count, in words; empty when nothing speaks against it. Both are to
// be read with the cores awake (wake_cores), else the frequency is that of an idle core. cores: those that were used;
// empty: all.
std::string unstable_because(const DeviceState& before, const DeviceState& after, const StateLimits& limits,
                             const std::vector<int>& cores);

// Keeps the calling thread busy, so that a governor raises the frequency before it is read.
void wake_cores(double seconds);

}  // namespace triage::measure
