// LayerCosts: the latency of any stage of a search space, from its layers' measured times.
//
// Layers were timed in the middle of whole nets (costing/layer_costs.h). A stage that was measured whole costs what was
// measured; any other the sum of its layers and what stands around them (layer_fit.h), which is fitted to some of the
// stages that were measured whole. The others tell the error.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cost/layers/layer_fit.h"
#include "cost/layers/layer_key.h"
#include "cost_tables/cost_table.h"
#include "cost_tables/measured_on.h"

namespace triage::cost {

inline constexpr int kLayerCostVersion = 1;

struct TimedRuns {
  std::vector<double> samples_us;                    // means over many runs each, of different nets and passes
  std::uint64_t runs = 0;                            // behind them in all
  double us() const;                                 // their median
  void add(double sample_us, std::uint64_t behind);  // in whole nanoseconds, as the file keeps it
  bool operator==(const TimedRuns&) const = default;
};

struct MeasuredStage {
  Segment segment;
  bool held_out = false;  // not fitted to: tells the error
  TimedRuns time;
};

struct PredictionError {  // on held-out stages
  int stages = 0;
  double mean_percent = 0, max_percent = 0;  // absolute, of the measured time
  double kendall_tau = 0;                    // of measured and predicted; 0 where there is none to speak of
};

struct LayerCostTable {
  std::string device = kThisMachine;  // or its name in devices.toml
  Json machine = Json::object();      // core/machine.h
  std::string engine_version;
  CostKey key = cost_key({}, kUsualEngine, kUsualProvider, plan::Precision::fp32, 1, 1);  // `stage` is empty
  plan::InputShape input;
  int classes = 0;
  Json settings = Json::object();    // what was asked for: a table is only taken up with the same
  Json provenance = Json::object();  // git, date: evidence, nothing depends on it
  std::uint64_t visits = 0;          // steps of the measurement that are done
  bool complete = false;             // false: without `fit` and errors, and no costs are read from it
  std::map<LayerKey, TimedRuns> layers;
  std::vector<MeasuredStage> stages;
  Json states = Json::array();  // of a device before and after every part of the measurement: evidence
  std::map<std::string, std::uint64_t> unstable;  // visits that the device's state speaks against, by the reason
  LayerFit fit;
  PredictionError whole_error, cut_error;  // of whole nets; of stages that begin or end inside a net
};

// Sets fit and errors from layers and stages. Throws Error when a measured stage has a layer that the table lacks.
void fit_layer_costs(LayerCostTable& table, const std::string& origin);

MeasuredOn measured_on(const LayerCostTable& table);

// Throws Error that names both sides: device, engine, provider, precision, threads.
void require_same_setting(const LayerCostTable& table, const std::string& device, const CostKey& key,
                          const std::string& origin);

// "fp32", "int8_xnnpack", "fp32_2_threads": what a key has besides its stage, what is usual left out.
std::string setting_text(const CostKey& key);
// Of the table's file in a run: "layer_costs.json", "layer_costs_int8_xnnpack_2_threads_on_pi5.json".
std::string layer_costs_name(const CostKey& key, const std::string& device = kThisMachine);

Json to_json(const LayerCostTable& table);
LayerCostTable layer_costs_from_json(const Json& json, const std::string& origin);
LayerCostTable load_layer_costs(const fs::path& file);
void save_layer_costs(const fs::path& file, const LayerCostTable& table);

class LayerCosts : public CostModel {
 public:
  // origin: what messages call the table. Throws Error when it is not complete.
  LayerCosts(LayerCostTable table, std::string origin);

  StageCost stage(const Segment& stage) const override;  // no energy
  StageCost predict(const Segment& stage) const;         // as if it had not been measured whole
  Json identity() const override;
  const LayerCostTable& table() const { return table_; }

 private:
  LayerCostTable table_;
  std::string origin_, sha256_;
  std::map<LayerKey, double> layer_us_;
  std::map<std::string, double> stage_us_;  // by Segment::text()
};

}  // namespace triage::cost
