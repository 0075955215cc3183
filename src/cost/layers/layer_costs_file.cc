// layer_costs.json: reading and writing.
#include <set>

#include "cost/layers/layer_costs.h"

namespace triage::cost {
namespace {

void add_time(Json& json, const TimedRuns& time) {
  json["runs"] = time.runs;
  json["samples_us"] = time.samples_us;
}

TimedRuns time_from_json(const JsonReader& json) {
  TimedRuns time{.samples_us = json.get<std::vector<double>>("samples_us"), .runs = json.get<std::uint64_t>("runs")};
  const JsonReader samples = json.at("samples_us");
  if (time.samples_us.empty()) samples.fail_here("at least one number");
  for (std::size_t i = 0; i < time.samples_us.size(); ++i) {
    if (!(time.samples_us[i] > 0)) samples.at(i).fail_here("a number above 0");
  }
  return time;
}

Json layer_to_json(const LayerKey& key, const TimedRuns& time) {
  Json json = to_json(key);
  add_time(json, time);
  return json;
}

Json stage_to_json(const MeasuredStage& stage) {
  const Segment& segment = stage.segment;
  Json json = {{"arch", segment.arch.text()},
               {"first_block", segment.first_section},
               {"last_block", segment.end_section()},
               {"carry", segment.carry},
               {"held_out", stage.held_out}};
  add_time(json, stage.time);
  return json;
}

MeasuredStage stage_from_json(const JsonReader& json, const plan::InputShape& input, plan::Precision precision) {
  MeasuredStage stage;
  Segment& segment = stage.segment;
  try {
    segment.arch = family::ArchSpec::parse(json.get<std::string>("arch"));
    segment_net(segment, input, /*classes=*/1);
  } catch (const Error& error) {
    fail("{}: {}", json.where(), error.what());
  }
  const int sections = segment.end_section();
  segment.first_section = json.get_in("first_block", 0, sections - 1);
  const int end = json.get_in("last_block", segment.first_section + 1, sections);
  segment.last_section = end == sections ? -1 : end;
  segment.carry = json.get<bool>("carry");
  segment.precision = precision;
  stage.held_out = json.get<bool>("held_out");
  stage.time = time_from_json(json);
  return stage;
}

// What a coefficient is called in the file, and where it is.
struct Coefficient {
  const char* name;
  double LayerFit::* member;
  bool always = true;  // false: left out where it is 0
};
constexpr Coefficient kCoefficients[] = {
    {"scale", &LayerFit::scale},
    {"per_layer_us", &LayerFit::per_layer_us},
    {"fixed_us", &LayerFit::fixed_us},
    {"image_us", &LayerFit::image_us},
    {"per_head_kb_us", &LayerFit::per_head_kb_us},
    {"per_carry_in_kb_us", &LayerFit::per_carry_in_kb_us},
    {"per_carry_out_kb_us", &LayerFit::per_carry_out_kb_us},
    {"profiler_us", &LayerFit::profiler_us, false},
    {"per_image_kb_us", &LayerFit::per_image_kb_us, false},
    {"resize_us", &LayerFit::resize_us, false},
};

Json error_to_json(const PredictionError& error) {
  return {{"stages", error.stages},
          {"mean_percent", error.mean_percent},
          {"max_percent", error.max_percent},
          {"kendall_tau", error.kendall_tau}};
}

PredictionError error_from_json(const JsonReader& json) {
  return {.stages = json.get_in("stages", 0, 1 << 30),
          .mean_percent = json.not_negative("mean_percent"),
          .max_percent = json.not_negative("max_percent"),
          .kendall_tau = json.get_in("kendall_tau", -1.0, 1.0)};
}

Json object_from(const JsonReader& json, const char* key) {
  const JsonReader value = json.at(key);
  if (!value.json().is_object()) value.fail_here("an object");
  return value.json();
}

}  // namespace

std::string setting_text(const CostKey& key) {
  std::string text = plan::to_string(key.precision);
  if (key.provider != kUsualProvider) text += "_" + key.provider;
  if (key.threads != 1) text += std::format("_{}_threads", key.threads);
  return text;
}

std::string layer_costs_name(const CostKey& key, const std::string& device) {
  if (device.find('/') != std::string::npos) fail("device: expected a name without '/', found '{}'", device);
  const std::string usual = plan::to_string(plan::Precision::fp32), text = setting_text(key);
  std::string name = "layer_costs" + (text.starts_with(usual) ? text.substr(usual.size()) : "_" + text);
  if (device != kThisMachine) name += "_on_" + device;
  return name + ".json";
}

Json to_json(const LayerCostTable& table) {
  Json json = {{"version", kLayerCostVersion},   {"machine", table.machine},
               {"engine", table.key.engine},     {"engine_version", table.engine_version},
               {"provider", table.key.provider}, {"precision", plan::to_string(table.key.precision)},
               {"threads", table.key.threads},   {"input", to_json(table.input)},
               {"classes", table.classes},       {"settings", table.settings},
               {"provenance", table.provenance}, {"visits", table.visits},
               {"complete", table.complete}};
  if (table.complete) {
    for (const auto& [name, member, always] : kCoefficients)
      if (always || table.fit.*member > 0) json["fit"][name] = table.fit.*member;
    json["error"] = {{"whole_nets", error_to_json(table.whole_error)}, {"cut_stages", error_to_json(table.cut_error)}};
  }
  if (table.device != kThisMachine) json["device"] = table.device;
  if (!table.states.empty()) json["states"] = table.states;
  for (const auto& [reason, visits] : table.unstable) json["unstable"][reason] = visits;
  json["layers"] = Json::array();
  json["stages"] = Json::array();
  for (const auto& [key, time] : table.layers) json["layers"].push_back(layer_to_json(key, time));
  for (const MeasuredStage& stage : table.stages) json["stages"].push_back(stage_to_json(stage));
  return json;
}

LayerCostTable layer_costs_from_json(const Json& json, const std::string& origin) {
  const JsonReader reader(json, origin);
  if (reader.get<int>("version") != kLayerCostVersion) {
    reader.at("version").fail_here(std::to_string(kLayerCostVersion));
  }
  LayerCostTable table;
  table.device = reader.get_or("device", std::string(kThisMachine));
  if (table.device.empty()) reader.at("device").fail_here("a device's name");
  table.machine = object_from(reader, "machine");
  table.key =
      cost_key({}, reader.get<std::string>("engine"), reader.get<std::string>("provider"),
               plan::precision_from_string(reader.get<std::string>("precision"), reader.at("precision").where()),
               reader.get_in("threads", 1, kMaxThreads), /*batch=*/1);
  table.engine_version = reader.get<std::string>("engine_version");
  table.input = plan::input_shape_from_json(reader.at("input"));
  table.classes = reader.get_in("classes", 1, plan::kMaxClasses);
  table.settings = object_from(reader, "settings");
  table.provenance = object_from(reader, "provenance");
  table.visits = reader.get<std::uint64_t>("visits");
  table.complete = reader.get<bool>("complete");
  if (table.complete) {
    const JsonReader fit = reader.at("fit"), error = reader.at("error");
    for (const auto& [name, member, always] : kCoefficients)
      if (always || fit.has(name)) table.fit.*member = fit.not_negative(name);
    table.whole_error = error_from_json(error.at("whole_nets"));
    table.cut_error = error_from_json(error.at("cut_stages"));
  }
  if (reader.has("states")) table.states = reader.at("states").json();
  if (!table.states.is_array()) reader.at("states").fail_here("a list");
  if (reader.has("unstable")) {
    const Json unstable = object_from(reader, "unstable");
    for (const auto& [reason, visits] : unstable.items())
      table.unstable[reason] = reader.at("unstable").get<std::uint64_t>(reason);
  }
  const JsonReader layers = reader.at("layers"), stages = reader.at("stages");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerKey key = layer_key_from_json(layers.at(i));
    if (!table.layers.emplace(key, time_from_json(layers.at(i))).second) {
      fail("{}: expected one entry per layer, found a second one for {}", layers.at(i).where(), key.text());
    }
  }
  std::set<std::string> seen;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    table.stages.push_back(stage_from_json(stages.at(i), table.input, table.key.precision));
    if (const std::string text = table.stages.back().segment.text(); !seen.insert(text).second) {
      fail("{}: expected one entry per stage, found a second one for {}", stages.at(i).where(), text);
    }
  }
  return table;
}

LayerCostTable load_layer_costs(const fs::path& file) {
  return layer_costs_from_json(read_sealed_json(file), file.string());
}

void save_layer_costs(const fs::path& file, const LayerCostTable& table) {
  const Json json = to_json(table);
  layer_costs_from_json(json, file.string());  // what could not be read back is not written
  write_sealed_json(file, json);
}

}  // namespace triage::cost
