// CostTable: measured costs per stage, engine, threads and batch on one device.
#pragma once

#include <string>
#include <vector>

#include "core/statistics/statistics.h"
#include "cost_tables/energy_cost.h"
#include "engine/names.h"
#include "plan/precision.h"

namespace triage::cost {

inline constexpr int kCostTableVersion = 1;
inline constexpr int kMaxThreads = 4096;  // that a measurement may be of
inline constexpr const char* kThisMachine = "this machine";

inline constexpr const char *kUsualEngine = engine::kOnnxRuntime, *kUsualProvider = engine::kCpu;

// What was measured and what ran it. cost_key() makes all there are, so that none lacks a part.
struct CostKey {
  std::string stage;  // the stage's name, "plan" for a whole plan, empty for a table of layers
  std::string engine, provider;
  plan::Precision precision;
  int threads, batch;
  bool operator==(const CostKey&) const = default;

 private:
  CostKey() = default;
  friend CostKey cost_key(std::string stage, std::string engine, std::string provider, plan::Precision precision,
                          int threads, int batch);
};
CostKey cost_key(std::string stage, std::string engine, std::string provider, plan::Precision precision, int threads,
                 int batch);

struct NodeTime {    // of a node of the stage's graph, by the engine's own profiler
  std::string name;  // the engine's, with its endings
  double us = 0;     // mean over the timed runs
  bool operator==(const NodeTime&) const = default;
};

struct BehindTime {   // of a stage where another one has just run and its weights took the caches (measure/behind.h)
  std::string stage;  // the other one
  double us = 0;      // mean
  bool operator==(const BehindTime&) const = default;
};

struct CostSample {  // a measured cost with its evidence
  CostKey key;
  Summary latency_us;  // per run of `batch` images
  double first_inference_us = 0, load_ms = 0;
  bool stable = false;           // the last three windows agreed within 10 %
  std::string unstable_because;  // what the device did meanwhile (measure/device_state.h); then it is not stable
  std::optional<EnergyCost> energy;
  std::vector<BehindTime> behind;  // one for each other stage; empty: not measured
  std::vector<NodeTime> nodes;     // in the order they run; empty: the stage was timed as a whole alone
};

struct PathMemory {   // of a process that does nothing but run the plan (measure/stages/memory.h); KB of 1024 bytes
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
  std::vector<CostSample> entries;
  std::vector<PathMemory> memory;  // one for each exit; empty: nobody asked
  const CostSample* find(const CostKey& key) const;
};

Json to_json(const CostTable& table);
CostTable cost_table_from_json(const Json& json, const std::string& origin);
CostTable load_cost_table(const fs::path& file);
void save_cost_table(const fs::path& file, const CostTable& table);
std::string to_csv(const CostTable& table);

}  // namespace triage::cost
