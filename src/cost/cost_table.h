// CostTable: measured costs per stage, engine, threads and batch on one device.
#pragma once

#include <string>
#include <vector>

#include "core/statistics/statistics.h"
#include "cost/energy_cost.h"
#include "plan/arch.h"

namespace triage::cost {

inline constexpr int kCostTableVersion = 1;
inline constexpr int kMaxThreads = 4096;  // that a measurement may be of
inline constexpr const char* kThisMachine = "this machine";

struct CostKey {
  std::string stage;  // the stage's name, or "plan" for a whole plan
  std::string engine = "onnxruntime";
  std::string provider = "cpu";
  std::string precision = "fp32";
  int threads = 1, batch = 1;
  bool operator==(const CostKey&) const = default;
};

struct NodeTime {    // of a node of the stage's graph, by the engine's own profiler
  std::string name;  // the engine's, with its endings
  double us = 0;     // mean over the timed runs
  bool operator==(const NodeTime&) const = default;
};

struct CostEntry {
  CostKey key;
  Summary latency_us;  // per run of `batch` images
  double first_inference_us = 0, load_ms = 0;
  bool stable = false;           // the last three windows agreed within 10 %
  std::string unstable_because;  // what the device did meanwhile (profile/device_state.h); then it is not stable
  std::optional<EnergyCost> energy;
  std::vector<NodeTime> nodes;  // in the order they run; empty: the stage was timed as a whole alone
};

struct PathMemory {   // of a process that does nothing but run the plan (profile/memory.h); KB of 1024 bytes
  std::string stage;  // where the images leave
  double weights_kb = 0, activations_kb = 0;  // as planned: of all stages; the largest on the path
  double empty_kb = 0, loaded_kb = 0,
         peak_kb = 0;  // as observed: before the plan; what loading it and running it added
};

struct CostTable {
  Json machine = Json::object();  // core/machine.h
  std::string engine_version;
  std::string energy_source;  // what measured energy and what it covers, or why nothing did; empty: nobody asked
  std::string device = kThisMachine;  // or its name in devices.toml
  Json states = Json::array();        // of the device before and after every part of the measurement: evidence
  std::vector<CostEntry> entries;
  std::vector<PathMemory> memory;  // one for each exit; empty: nobody asked
  const CostEntry* find(const CostKey& key) const;
};

Json to_json(const CostTable& table);
CostTable cost_table_from_json(const Json& json, const std::string& origin);
CostTable load_cost_table(const fs::path& file);
void save_cost_table(const fs::path& file, const CostTable& table);
std::string to_csv(const CostTable& table);

}  // namespace triage::cost
