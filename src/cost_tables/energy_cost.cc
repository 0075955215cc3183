#include "cost_tables/energy_cost.h"

namespace triage::cost {

Json to_json(const std::optional<EnergyCost>& energy) {
  if (!energy) return nullptr;
  return {{"gross_uj", energy->gross_uj},
          {"net_uj", energy->net_uj},
          {"idle_watts", energy->idle_watts},
          {"window_seconds", energy->window_seconds},
          {"runs", energy->runs},
          {"source", energy->source},
          {"stable", energy->stable}};
}

std::optional<EnergyCost> energy_from_json(const JsonReader& json, const std::string& key) {
  if (!json.has(key) || json.at(key).json().is_null()) return std::nullopt;
  const JsonReader energy = json.at(key);
  const auto source = energy.get<std::string>("source");
  if (source.empty() || source.find_first_of(",\"\r\n") != std::string::npos) {
    energy.at("source").fail_here("a name without commas, quotes and line breaks");  // it stands in a CSV as it is
  }
  return EnergyCost{.gross_uj = energy.not_negative("gross_uj"),
                    .net_uj = energy.get<double>("net_uj"),
                    .idle_watts = energy.not_negative("idle_watts"),
                    .window_seconds = energy.not_negative("window_seconds"),
                    .runs = energy.get<std::uint64_t>("runs"),
                    .source = source,
                    .stable = energy.get<bool>("stable")};
}

std::string energy_csv_header() {
  return ",energy_gross_uj,energy_net_uj,energy_idle_watts,energy_window_seconds,energy_runs,energy_source,"
         "energy_stable";
}

std::string energy_csv(const std::optional<EnergyCost>& energy) {
  if (!energy) return ",,,,,,,";
  return std::format(",{},{},{},{},{},{},{}", energy->gross_uj, energy->net_uj, energy->idle_watts,
                     energy->window_seconds, energy->runs, energy->source, energy->stable);
}

}  // namespace triage::cost
