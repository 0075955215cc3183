#include "measure/energy/energy_meter.h"

#include <algorithm>
#include <chrono>
#include <sstream>
#include <thread>

#include "core/error.h"
#include "measure/energy/energy_text.h"

namespace triage::measure {
namespace {

constexpr auto kMeterPause = std::chrono::milliseconds(100);

std::string_view trimmed(std::string_view field) {
  const auto outside = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '"'; };
  while (!field.empty() && outside(field.front())) field.remove_prefix(1);
  while (!field.empty() && outside(field.back())) field.remove_suffix(1);
  return field;
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find(',', begin), line.size());
    fields.push_back(trimmed(line.substr(begin, end - begin)));
    begin = end + 1;
  }
  return fields;
}

// "Power (mW)" -> "power_mw"
std::string column_name(std::string_view field) {
  std::string name;
  for (const char c : field) {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
  }
  if (name.ends_with('_')) name.pop_back();
  return name;
}

struct MeterUnit {
  const char* column;
  bool energy;
  double scale;  // to W or J
};
constexpr MeterUnit kMeterUnits[] = {
    {"power_w", false, 1}, {"power_mw", false, 1e-3}, {"energy_j", true, 1}, {"energy_mwh", true, 3.6}};

struct MeterColumns {
  std::size_t count = 0, time = 0, value = 0;
  MeterUnit unit{};
};

MeterColumns columns_of(std::string_view line, const std::string& where) {
  const std::vector<std::string_view> fields = fields_of(line);
  MeterColumns columns{.count = fields.size()};
  int times = 0, values = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string name = column_name(fields[i]);
    if (name == "time" || name == "time_s" || name == "timestamp") {
      columns.time = i;
      ++times;
    }
    const auto* unit = std::ranges::find(kMeterUnits, name, [](const MeterUnit& u) { return std::string(u.column); });
    if (unit == std::end(kMeterUnits)) continue;
    columns.value = i;
    columns.unit = *unit;
    ++values;
  }
  if (times != 1 || values != 1) {
    fail("{}: found the columns '{}', expected one 'time' and one of power_w, power_mw, energy_j, energy_mwh", where,
         trimmed(line));
  }
  return columns;
}

// "2026-01-31T12:00:00.25+01:00", "2026-01-31 11:00:00.25Z"
std::optional<double> iso_seconds(std::string_view text) {
  std::string copy(text);
  if (copy.size() < 19 || (copy[10] != 'T' && copy[10] != ' ')) return std::nullopt;
  copy[10] = 'T';
  if (copy.back() == 'Z') copy.pop_back();
  const bool zone = copy.find_first_of("+-", 11) != copy.npos;
  std::istringstream in(copy);
  std::chrono::sys_time<std::chrono::microseconds> time;
  in >> std::chrono::parse(zone ? "%FT%T%Ez" : "%FT%T", time);
  if (in.fail() || in.peek() != std::char_traits<char>::eof()) return std::nullopt;
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

}  // namespace

std::string utc_text(double seconds) {
  const std::chrono::milliseconds whole(static_cast<std::int64_t>(std::clamp(seconds, -1e11, 1e11) * 1e3));
  return std::format("{:%FT%TZ}", std::chrono::sys_time<std::chrono::milliseconds>(whole));
}

EnergyTrace parse_meter(std::string_view text, const std::string& origin, double clock_offset) {
  EnergyTrace trace(origin, kMeterLimits);
  std::optional<MeterColumns> columns;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // a byte order mark
  for (std::size_t begin = 0, number = 1;; ++number) {
    const std::size_t end = text.find('\n', begin);
    if (end == text.npos) break;  // of a line that is still being written
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    if (trimmed(line).empty() || line.starts_with('#')) continue;
    const std::string where = std::format("{}:{}", origin, number);
    if (!columns) {
      columns = columns_of(line, where);
      continue;
    }
    const std::vector<std::string_view> fields = fields_of(line);
    if (fields.size() != columns->count) {
      fail("{}: found {} fields, expected {} as in the header", where, fields.size(), columns->count);
    }
    const std::string_view time_text = fields[columns->time], value_text = fields[columns->value];
    std::optional<double> time = finite_number(time_text);
    if (!time) time = iso_seconds(time_text);
    if (!time) fail("{}: time: found '{}', expected seconds or such as 2026-01-31T12:00:00.5Z", where, time_text);
    const std::optional<double> value = finite_number(value_text);
    if (!value) fail("{}: {}: found '{}', expected a number", where, columns->unit.column, value_text);
    if (columns->unit.energy) {
      trace.add_energy(*time + clock_offset, *value * columns->unit.scale, number);
    } else {
      trace.add_power(*time + clock_offset, *value * columns->unit.scale, number);
    }
  }
  return trace;
}

MeterFile::MeterFile(fs::path file, double clock_offset, double wait_seconds, Clock wall_clock, StopToken stop)
    : file_(std::move(file)),
      clock_offset_(clock_offset),
      wait_seconds_(wait_seconds),
      wall_clock_(std::move(wall_clock)),
      stop_(stop) {
  read();
}

EnergyTrace MeterFile::read() const {
  if (!fs::exists(file_)) return {file_.string(), kMeterLimits};
  return parse_meter(read_file(file_), file_.string(), clock_offset_);
}

void MeterFile::begin() { start_ = wall_clock_(); }

void MeterFile::end() { windows_.emplace_back(start_, wall_clock_()); }

std::vector<double> MeterFile::take_joules() {
  const std::vector<std::pair<double, double>> windows = std::exchange(windows_, {});
  std::vector<double> joules;
  if (windows.empty()) return joules;
  const double begin = windows.front().first, end = windows.back().second, give_up = steady_seconds() + wait_seconds_;
  EnergyTrace trace = read();
  while (trace.empty() || trace.last() < end) {
    if (steady_seconds() >= give_up) {
      fail("{}: found {}, expected samples from {} to {}; waited {} s", file_.string(),
           trace.empty() ? "no sample"
                         : std::format("samples from {} to {}", utc_text(trace.first()), utc_text(trace.last())),
           utc_text(begin), utc_text(end), wait_seconds_);
    }
    if (stop_.requested()) throw Interrupted("waiting for " + file_.string() + " was interrupted; start it again");
    std::this_thread::sleep_for(kMeterPause);
    trace = read();
  }
  if (trace.first() > begin) {
    fail("{}: found its first sample at {}, expected samples from {} to {}", file_.string(), utc_text(trace.first()),
         utc_text(begin), utc_text(end));
  }
  for (const auto& [from, to] : windows) joules.push_back(trace.joules(from, to));
  return joules;
}

std::unique_ptr<EnergySource> open_meter(const fs::path& file, const EnergyPlaces& places) {
  return std::make_unique<MeterFile>(file, places.meter_clock_offset, places.meter_wait_seconds, wall_seconds,
                                     places.stop);
}

}  // namespace triage::measure
