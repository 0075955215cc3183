#include "measure/energy/energy_sensors.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "measure/energy/energy_text.h"

namespace triage::measure {
namespace {

constexpr double kInaPeriod = 0.02, kPmicPeriod = 0.1;  // s; asking the PMIC starts a process
constexpr int kInaChannels = 3;

struct Rail {
  std::string label;
  std::function<double()> watts;
};

// The kernel's driver: volts and amperes in thousandths.
void add_hwmon_rails(const fs::path& sensor, std::vector<Rail>& rails) {
  for (int i = 1; i <= kInaChannels; ++i) {
    const fs::path volts = sensor / std::format("in{}_input", i), amperes = sensor / std::format("curr{}_input", i);
    const fs::path label = sensor / std::format("in{}_label", i), enable = sensor / std::format("in{}_enable", i);
    if (!fs::exists(volts) || !fs::exists(amperes)) continue;
    if (fs::exists(enable) && first_line(enable) == "0") continue;
    rails.push_back(
        {fs::exists(label) ? first_line(label) : std::format("{} channel {}", sensor.filename().string(), i),
         [=] { return number_in(volts) / 1e3 * number_in(amperes) / 1e3; }});
  }
}

// NVIDIA's driver before JetPack 5: power in mW.
void add_iio_rails(const fs::path& sensor, std::vector<Rail>& rails) {
  for (int i = 0; i < kInaChannels; ++i) {
    const fs::path power = sensor / std::format("in_power{}_input", i), label = sensor / std::format("rail_name_{}", i);
    if (fs::exists(power) && fs::exists(label)) {
      rails.push_back({first_line(label), [=] { return number_in(power) / 1e3; }});
    }
  }
}

void add_sensors(const fs::path& directory, const std::string& prefix, void (*add)(const fs::path&, std::vector<Rail>&),
                 std::vector<Rail>& rails) {
  if (!fs::exists(directory)) return;
  for (const fs::path& sensor : entries_of(directory)) {
    if (!sensor.filename().string().starts_with(prefix) || !fs::exists(sensor / "name")) continue;
    if (first_line(sensor / "name").starts_with("ina3221")) add(sensor, rails);
  }
}

// Rails that feed others would be counted twice: where the board's inputs are measured they are all there is to count
// (VDD_MUX is the carrier board's beside the module's VDD_IN), and AGX Orin's memory hangs off its 5 V rail.
void drop_rails_counted_twice(std::vector<Rail>& rails) {
  const auto has = [&](std::initializer_list<std::string_view> labels) {
    return [labels = std::vector<std::string_view>(labels)](const Rail& rail) {
      return std::ranges::find(labels, rail.label) != labels.end();
    };
  };
  std::erase_if(rails, has({"NC", ""}));
  if (std::ranges::any_of(rails, has({"VDD_IN", "5V_IN", "POM_5V_IN"}))) {
    std::erase_if(rails, std::not_fn(has({"VDD_IN", "5V_IN", "POM_5V_IN", "VDD_MUX"})));
  } else if (std::ranges::any_of(rails, has({"VIN_SYS_5V0"}))) {
    std::erase_if(rails, has({"VDDQ_VDD2_1V8AO"}));
  }
}

struct PmicRail {
  std::optional<double> volts, amperes;
};

// "VDD_CORE_A current(7)=1.11625000A"
void read_pmic_line(std::string_view line, const std::string& where, std::map<std::string, PmicRail>& rails) {
  const auto refuse = [&] {
    fail("{}: found '{}', expected such as 'VDD_CORE_A current(7)=1.11625000A' or 'VDD_CORE_V volt(15)=0.75V'", where,
         line);
  };
  const std::size_t space = line.find(' '), equals = line.find('=');
  if (space == line.npos || equals == line.npos || space < 3 || space > equals) refuse();
  const char unit = line.back();
  const std::string_view name = line.substr(0, space), kind = line.substr(space + 1, equals - space - 1);
  const bool amperes = name.ends_with("_A") && kind.starts_with("current(") && unit == 'A';
  const bool volts = name.ends_with("_V") && kind.starts_with("volt(") && unit == 'V';
  const auto value = finite_number(line.substr(equals + 1, line.size() - equals - 2));
  if ((!amperes && !volts) || !value || *value < 0) refuse();
  PmicRail& rail = rails[std::string(name.substr(0, name.size() - 2))];
  std::optional<double>& place = volts ? rail.volts : rail.amperes;
  if (place) fail("{}: found {} again, expected it once", where, name);
  place = value;
}

}  // namespace

double pmic_watts(std::string_view text, const std::string& origin) {
  std::map<std::string, PmicRail> rails;
  for (std::size_t begin = 0, number = 1; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    if (!line.empty()) read_pmic_line(line, std::format("{}: line {}", origin, number), rails);
  }
  double watts = 0;
  bool any = false;
  for (const auto& [name, rail] : rails) {
    if (!rail.amperes) continue;  // voltages alone: the input and the clock's battery
    if (!rail.volts) fail("{}: found {}_A without {}_V, expected both", origin, name, name);
    watts += *rail.volts * *rail.amperes;
    any = true;
  }
  if (!any) fail("{}: found no rail with volts and amperes, expected some", origin);
  return watts;
}

std::unique_ptr<EnergySource> open_ina(const EnergyPlaces& places) {
  const fs::path hwmon = places.root / "sys/class/hwmon", iio = places.root / "sys/bus/iio/devices";
  std::vector<Rail> rails;
  add_sensors(hwmon, "hwmon", add_hwmon_rails, rails);
  if (rails.empty()) add_sensors(iio, "iio:device", add_iio_rails, rails);
  drop_rails_counted_twice(rails);
  if (rails.empty()) {
    fail("{}, {}: expected a sensor named ina3221 with a rail, found none", hwmon.string(), iio.string());
  }
  std::string labels;
  for (const Rail& rail : rails) labels += (labels.empty() ? "rails " : ", ") + rail.label;
  return std::make_unique<SampledPower>(
      "ina", labels,
      [rails] {
        double watts = 0;
        for (const Rail& rail : rails) watts += rail.watts();
        return watts;
      },
      kInaPeriod);
}

std::unique_ptr<EnergySource> open_pmic(const EnergyPlaces& places) {
  return std::make_unique<SampledPower>(
      "pmic", "all rails of the PMIC; no USB, no losses before it",
      [command = places.pmic_command] { return pmic_watts(output_of(command), command); }, kPmicPeriod);
}

}  // namespace triage::measure
