// What slo_bench has measured so far, in a file: a run that was killed goes on behind its last whole stretch.
#pragma once

#include <filesystem>
#include <vector>

#include "bench/slo_trace.h"
#include "core/json.h"

namespace triage::slo {

struct Measured {
  Json made_from;               // what must be the same to go on: plan, engine, seed, limits
  std::vector<double> path_us;  // on this machine
  double slo_us = 0;
  Simulated trial;                              // the controller, on another trace
  std::vector<std::vector<double>> thresholds;  // of the fixed ways
  std::vector<std::vector<Tally>> tallies;      // by way, the controller first; one per stretch
};

inline Json to_json(const Tally& tally) {
  return {tally.requests, tally.missed, tally.answered, tally.right, tally.switches};
}

inline void save(const fs::path& file, const Measured& measured) {
  Json json{{"made_from", measured.made_from},   {"path_us", measured.path_us},
            {"slo_us", measured.slo_us},         {"trial", {measured.trial.accuracy, measured.trial.miss_share}},
            {"thresholds", measured.thresholds}, {"tallies", Json::array()}};
  for (const std::vector<Tally>& way : measured.tallies) {
    Json list = Json::array();
    for (const Tally& tally : way) list.push_back(to_json(tally));
    json["tallies"].push_back(std::move(list));
  }
  write_json(file, json);
}

// Throws Error where the file is of another plan, machine or options.
inline Measured load(const fs::path& file, const Json& made_from) {
  const Json json = read_json(file);
  const JsonReader reader(json, file.string());
  if (reader.at("made_from").json() != made_from) {
    fail("{}: expected a run of {}, found one of {}; delete it to begin anew", file.string(), made_from.dump(),
         reader.at("made_from").json().dump());
  }
  Measured measured{.made_from = made_from, .path_us = reader.get<std::vector<double>>("path_us")};
  measured.slo_us = reader.get<double>("slo_us");
  const auto trial = reader.get<std::vector<double>>("trial");
  measured.trial = {trial.at(0), trial.at(1)};
  measured.thresholds = reader.get<std::vector<std::vector<double>>>("thresholds");
  for (const auto& way : reader.get<std::vector<std::vector<std::vector<std::size_t>>>>("tallies")) {
    std::vector<Tally>& tallies = measured.tallies.emplace_back();
    for (const std::vector<std::size_t>& one : way)
      tallies.push_back({one.at(0), one.at(1), one.at(2), one.at(3), one.at(4)});
  }
  return measured;
}

}  // namespace triage::slo
