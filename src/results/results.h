// results.json: what `triage eval` found of a plan, the one definition for all who write or read it. Format and units:
// docs/schema/results.schema.json, docs/formats.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "results/evaluation.h"

namespace triage::results {

inline constexpr int kResultsVersion = 2;  // of version 1, which is read, the averages and much more are absent

struct StageFigures {
  std::string name, arch;
  std::int64_t macs = 0, parameters = 0;
  std::optional<double> latency_us;  // mean, by the plan's costs
};

struct PlanFigures {
  std::string name, policy;
  std::vector<std::string> classes;
  std::optional<plan::InputShape> input;
  std::string costs_engine;           // that the plan's latencies are of; empty in files of version 1
  std::vector<std::string> warnings;  // of the plan's making
  std::vector<StageFigures> stages;   // at least one
};

struct Results {
  PlanFigures plan;
  Json provenance = Json::object();  // command, date, git, machine, ...: for people, shown as it is
  Evaluation test;                   // or of another split, as its `split` says
  std::optional<Evaluation> shift;   // under distribution shift
};

Json to_json(const Results& results);
// Versions 1 and 2. Throws Error naming file and field.
Results results_from_json(const Json& json, const std::string& origin);

Results load_results(const fs::path& file);
void save_results(const fs::path& file, const Results& results);

}  // namespace triage::results
