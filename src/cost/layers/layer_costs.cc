#include "cost/layers/layer_costs.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace triage::cost {
namespace {

constexpr int kAnyClasses = 1;  // no layer depends on how many there are

using LayerTimes = std::map<LayerKey, double>;

LayerTimes layer_times(const LayerCostTable& table) {
  LayerTimes times;
  for (const auto& [key, time] : table.layers) times.emplace(key, time.us());
  return times;
}

StageTerms terms_of(const Segment& stage, const plan::InputShape& input, const LayerTimes& times,
                    const std::string& origin) {
  const SegmentNet net = segment_net(stage, input, kAnyClasses);
  StageTerms terms = stage_terms(net, stage.carry, input);
  for (const KeyedLayer& layer : keyed_layers(net.net.layers, net.begin, net.end)) {
    const auto found = times.find(layer.key);
    if (found == times.end()) {
      fail("{}: layers: expected {}, which is {} of stage '{}', found none of {}", origin, layer.key.text(),
           layer.name(), stage.text(), times.size());
    }
    terms.layers_us += found->second;
  }
  return terms;
}

PredictionError error_of_fit(std::span<const double> measured, std::span<const double> predicted) {
  PredictionError error{.stages = static_cast<int>(measured.size())};
  if (measured.empty()) return error;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    const double percent = 100 * std::abs(predicted[i] / measured[i] - 1);
    error.mean_percent += percent / static_cast<double>(measured.size());
    error.max_percent = std::max(error.max_percent, percent);
  }
  const double tau = kendall_tau(measured, predicted);
  error.kendall_tau = std::isfinite(tau) ? tau : 0;
  return error;
}

}  // namespace

double TimedRuns::us() const { return summarize(samples_us).median; }

void TimedRuns::add(double sample_us, std::uint64_t behind) {
  samples_us.push_back(std::round(sample_us * 1e3) / 1e3);
  runs += behind;
}

void fit_layer_costs(LayerCostTable& table, const std::string& origin) {
  const LayerTimes times = layer_times(table);
  std::vector<StageTerms> terms;
  std::vector<double> measured;
  for (const MeasuredStage& stage : table.stages) {
    if (stage.held_out) continue;
    terms.push_back(terms_of(stage.segment, table.input, times, origin));
    measured.push_back(stage.time.us());
  }
  table.fit = fit_layers(terms, measured);
  for (const bool cut : {false, true}) {
    std::vector<double> truth, predicted;
    for (const MeasuredStage& stage : table.stages) {
      if (!stage.held_out || stage.segment.whole() == cut) continue;
      truth.push_back(stage.time.us());
      predicted.push_back(table.fit.predict(terms_of(stage.segment, table.input, times, origin)));
    }
    (cut ? table.cut_error : table.whole_error) = error_of_fit(truth, predicted);
  }
}

MeasuredOn measured_on(const LayerCostTable& table) { return {table.device, table.machine, table.engine_version}; }

void require_same_setting(const LayerCostTable& table, const std::string& device, const CostKey& key,
                          const std::string& origin) {
  const auto require = [&](const char* field, const std::string& found, const std::string& expected) {
    require_same_text(origin, field, found, expected);
  };
  require("device", table.device, device);
  require("engine", table.key.engine, key.engine);
  require("provider", table.key.provider, key.provider);
  require("precision", plan::to_string(table.key.precision), plan::to_string(key.precision));
  require("threads", std::to_string(table.key.threads), std::to_string(key.threads));
}

LayerCosts::LayerCosts(LayerCostTable table, std::string origin)
    : table_(std::move(table)), origin_(std::move(origin)) {
  if (!table_.complete) {
    fail("{}: complete: expected true, found false: measuring it was interrupted; go on with 'triage costs'", origin_);
  }
  sha256_ = sha256_hex(to_json(table_).dump());
  layer_us_ = layer_times(table_);
  for (const MeasuredStage& stage : table_.stages) stage_us_.emplace(stage.segment.text(), stage.time.us());
}

StageCost LayerCosts::stage(const Segment& stage) const {
  if (stage.precision != table_.key.precision) {
    fail("{}: precision: found {}, expected that of stage '{}', {}", origin_, to_string(table_.key.precision),
         stage.text(), to_string(stage.precision));
  }
  const auto whole = stage_us_.find(stage.text());
  if (whole != stage_us_.end()) return {.latency_us = whole->second, .measured = true};
  return predict(stage);
}

StageCost LayerCosts::predict(const Segment& stage) const {
  return {.latency_us = table_.fit.predict(terms_of(stage, table_.input, layer_us_, origin_))};
}

Json LayerCosts::identity() const {
  const auto machine = [&](const char* field) {
    return table_.machine.contains(field) ? table_.machine[field] : Json();
  };
  Json json = {{"source", "layer costs"},         {"sha256", sha256_},
               {"cpu", machine("cpu")},           {"flags", machine("flags")},
               {"engine", table_.key.engine},     {"engine_version", table_.engine_version},
               {"provider", table_.key.provider}, {"precision", plan::to_string(table_.key.precision)},
               {"threads", table_.key.threads},   {"input", to_json(table_.input)},
               {"classes", table_.classes}};
  if (table_.device != kThisMachine) json["device"] = table_.device;
  return json;
}

}  // namespace triage::cost
