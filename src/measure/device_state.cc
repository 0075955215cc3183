#include "measure/device_state.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <sstream>

#include "core/system/process.h"
#include "measure/latency.h"

namespace triage::measure {
namespace {

constexpr const char* kNotAvailable = "not available";
constexpr double kVcgencmdSeconds = 5;
// Raspberry Pi firmware: now, and (16 bits further up) at some time since boot.
constexpr const char* kFirmwareBits[] = {"under-voltage", "frequency capped", "throttled", "soft temperature limit"};
constexpr std::uint32_t kFirmwareNow = 0xF;
constexpr int kFirmwareSinceBoot = 16;

std::optional<std::string> small_file(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  try {
    std::string text = read_file(path);
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.pop_back();
    if (text.empty()) return std::nullopt;
    return text;
  } catch (const Error&) {  // sysfs files that answer with an error
    return std::nullopt;
  }
}

template <class T>
std::optional<T> small_number(const fs::path& path) {
  const std::optional<std::string> text = small_file(path);
  if (!text) return std::nullopt;
  T value{};
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return value;
}

std::optional<double> thousandth(std::optional<double> value) {
  if (value) *value /= 1000;
  return value;
}

// The names in a directory that begin with `prefix` and go on with a number, with that number.
std::map<int, fs::path> numbered(const fs::path& directory, const std::string& prefix) {
  std::map<int, fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    int number = 0;
    if (!name.starts_with(prefix)) continue;
    const char* const last = name.data() + name.size();
    const auto [stop, bad] = std::from_chars(name.data() + prefix.size(), last, number);
    if (bad == std::errc() && stop == last) found.emplace(number, it->path());
  }
  return found;
}

std::optional<std::uint64_t> meminfo_kb(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key + ":")) return std::strtoull(line.c_str() + key.size() + 1, nullptr, 10);
  }
  return std::nullopt;
}

std::string ask_vcgencmd() {
  try {
    return run_process({.command = {"vcgencmd", "get_throttled"}, .silence_seconds = kVcgencmdSeconds}).output;
  } catch (const Interrupted&) {
    throw;
  } catch (const Error&) {  // there is no such program
    return {};
  }
}

template <class T>
Json or_not_available(const std::optional<T>& value) {
  return value ? Json(*value) : Json(kNotAvailable);
}

template <class Map>
Json map_to_json(const Map& map) {
  if (map.empty()) return kNotAvailable;
  Json json = Json::object();
  for (const auto& [key, value] : map) json[key] = value;
  return json;
}

std::string firmware_words(std::uint32_t bits) {
  std::string words;
  for (std::size_t i = 0; i < std::size(kFirmwareBits); ++i) {
    if (bits >> i & 1) words += (words.empty() ? "" : ", ") + std::string(kFirmwareBits[i]);
  }
  return words;
}

Json firmware_to_json(const std::optional<std::uint32_t>& bits) {
  if (!bits) return kNotAvailable;
  return {{"bits", std::format("0x{:x}", *bits)},
          {"now", firmware_words(*bits & kFirmwareNow)},
          {"since_boot", firmware_words(*bits >> kFirmwareSinceBoot & kFirmwareNow)}};
}

std::optional<double> highest_mhz(const DeviceState& state, const std::vector<int>& cores) {
  std::optional<double> highest;
  for (const auto& [number, core] : state.cores) {
    if (!cores.empty() && std::ranges::find(cores, number) == cores.end()) continue;
    if (core.mhz) highest = std::max(highest.value_or(0), *core.mhz);
  }
  return highest;
}

}  // namespace

std::optional<std::uint32_t> parse_throttled(const std::string& answer) {
  std::string_view text = answer;
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  for (const std::string_view prefix : {"throttled=", "0x"}) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  std::uint32_t bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits, 16);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return bits;
}

DeviceState read_device_state(const fs::path& root) { return read_device_state(root, ask_vcgencmd); }

DeviceState read_device_state(const fs::path& root, const std::function<std::string()>& vcgencmd) {
  DeviceState state;
  for (const auto& [number, path] : numbered(root / "sys/devices/system/cpu", "cpu")) {
    CoreState& core = state.cores[number];
    core.mhz = thousandth(small_number<double>(path / "cpufreq/scaling_cur_freq"));
    core.max_mhz = thousandth(small_number<double>(path / "cpufreq/scaling_max_freq"));
    core.governor = small_file(path / "cpufreq/scaling_governor").value_or("");
    for (const char* what : {"core", "package"}) {
      const auto count =
          small_number<std::uint64_t>(path / "thermal_throttle" / (std::string(what) + "_throttle_count"));
      if (count) state.throttle_count[std::format("cpu{} {}", number, what)] = *count;
    }
  }
  for (const auto& [number, path] : numbered(root / "sys/class/thermal", "thermal_zone")) {
    const auto celsius = thousandth(small_number<double>(path / "temp"));
    const std::string kind = small_file(path / "type").value_or("");
    if (celsius) state.celsius[std::format("thermal_zone{}{}{}", number, kind.empty() ? "" : " ", kind)] = *celsius;
  }
  const auto firmware = small_file(root / "sys/devices/platform/soc/soc:firmware/get_throttled");
  state.firmware = parse_throttled(firmware ? *firmware : vcgencmd());
  if (const auto text = small_file(root / "proc/meminfo")) {
    state.memory_kb = meminfo_kb(*text, "MemTotal");
    state.available_kb = meminfo_kb(*text, "MemAvailable");
  }
  if (const auto text = small_file(root / "proc/loadavg")) state.load = std::strtod(text->c_str(), nullptr);
  return state;
}

Json to_json(const DeviceState& state) {
  Json cores = Json::object();
  for (const auto& [number, core] : state.cores) {
    if (!core.mhz && core.governor.empty()) continue;
    cores[std::format("cpu{}", number)] = {{"mhz", or_not_available(core.mhz)},
                                           {"most_mhz", or_not_available(core.max_mhz)},
                                           {"governor", core.governor.empty() ? kNotAvailable : core.governor}};
  }
  return {{"cores", cores.empty() ? Json(kNotAvailable) : cores},
          {"celsius", map_to_json(state.celsius)},
          {"throttle_count", map_to_json(state.throttle_count)},
          {"firmware_throttled", firmware_to_json(state.firmware)},
          {"memory_kb", or_not_available(state.memory_kb)},
          {"available_kb", or_not_available(state.available_kb)},
          {"load", or_not_available(state.load)}};
}

std::string unstable_because(const DeviceState& before, const DeviceState& after, const StateLimits& limits,
                             const std::vector<int>& cores) {
  std::string reasons;
  const auto add = [&]<class... Args>(std::format_string<Args...> format, Args&&... args) {
    reasons += (reasons.empty() ? "" : "; ") + std::format(format, std::forward<Args>(args)...);
  };
  const auto old_mhz = highest_mhz(before, cores), new_mhz = highest_mhz(after, cores);
  if (old_mhz && new_mhz && *new_mhz < *old_mhz * (1 - limits.frequency_drop_percent / 100)) {
    add("the frequency fell from {:.0f} to {:.0f} MHz, by more than {} %", *old_mhz, *new_mhz,
        limits.frequency_drop_percent);
  }
  for (const auto& [zone, celsius] : after.celsius) {
    const auto was = before.celsius.find(zone);
    if (was == before.celsius.end() || celsius - was->second <= limits.temperature_rise_celsius) continue;
    add("{} rose from {:.1f} to {:.1f} degrees, by more than {}", zone, was->second, celsius,
        limits.temperature_rise_celsius);
  }
  for (const auto& [what, count] : after.throttle_count) {
    const auto was = before.throttle_count.find(what);
    if (was == before.throttle_count.end() || count == was->second) continue;
    add("{} was throttled: its count went from {} to {}", what, was->second, count);
  }
  const std::uint32_t old_bits = before.firmware.value_or(0), new_bits = after.firmware.value_or(0);
  const std::uint32_t fresh = (new_bits & ~old_bits) >> kFirmwareSinceBoot;
  if (const std::uint32_t seen = (old_bits | new_bits | fresh) & kFirmwareNow; seen != 0) {
    add("the firmware reports {}", firmware_words(seen));
  }
  return reasons;
}

void wake_cores(double seconds) {
  for (const double start = steady_seconds(); steady_seconds() - start < seconds;) {
  }
}

}  // namespace triage::measure
