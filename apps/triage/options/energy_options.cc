#include "apps/triage/options/energy_options.h"

#include <algorithm>
#include <cstdio>

namespace triage::cli {

void add_energy_flag(CLI::App& app, workflow::EnergyChoice& choice) {
  choice.wanted = false;
  app.add_flag("--energy", choice.wanted, "Measure energy per run, too, where this machine tells it");
}

void add_energy_options(CLI::App& app, workflow::EnergyChoice& choice) {
  CLI::Option* flag = app.get_option_no_throw("--energy");
  const auto add = [&](const char* name, auto& value, const char* help) {
    CLI::Option* option = app.add_option(name, value, help)->capture_default_str();
    return flag ? option->needs(flag) : option;
  };
  add("--energy-source", choice.source,
      "auto, rapl, perf, ina, pmic, or csv:FILE of an external meter (columns time and power_w, power_mw, energy_j or "
      "energy_mwh)");
  add("--energy-seconds", choice.seconds, "Length of the idle window and of each of a row's three windows")
      ->check(CLI::Range(0.1, 3600.0));
  add("--energy-clock-offset", choice.places.meter_clock_offset, "Seconds to add to the times of a meter's file");
  add("--energy-wait", choice.places.meter_wait_seconds,
      "Longest time to wait until a meter's file covers the measurement, s")
      ->check(CLI::Range(0.0, 86400.0));
}

std::string energy_title(const cost::CostTable& table) {
  return table.energy_source.empty() ? "" : std::format(" {:>10} {:>7}", "energy", "stable");
}

std::string energy_unit(const cost::CostTable& table) {
  return table.energy_source.empty() ? "" : std::format(" {:>10} {:>7}", "uJ/run", "");
}

std::string energy_cell(const cost::CostTable& table, const cost::CostSample& entry) {
  if (table.energy_source.empty()) return "";
  if (!entry.energy) return std::format(" {:>10} {:>7}", "n/a", "");
  return std::format(" {:>10.1f} {:>7}", entry.energy->net_uj, entry.energy->stable ? "yes" : "no");
}

void print_energy_note(const cost::CostTable& table) {
  if (table.energy_source.empty()) return;
  std::printf("energy: %s\n", table.energy_source.c_str());
  const auto measured = std::ranges::find_if(table.entries, [](const auto& entry) { return entry.energy.has_value(); });
  if (measured == table.entries.end()) return;
  std::printf("energy is net of the idle machine's %.3f W; gross numbers are in the JSON and CSV tables\n",
              measured->energy->idle_watts);
}

}  // namespace triage::cli
