// Plan -> plan.json.
#include <algorithm>

#include "plan/plan.h"

namespace triage::plan {
namespace {

Json to_json(const Router& router) {
  return {{"feature_width", router.feature_width},
          {"hidden", router.hidden},
          {"mean", router.mean},
          {"scale", router.scale},
          {"weight1", router.weight1},
          {"bias1", router.bias1},
          {"weight2", router.weight2},
          {"bias2", router.bias2},
          {"skip", router.skip}};
}

Json to_json(const Exit& exit) {
  Json json = {{"temperature", exit.temperature}, {"threshold", exit.threshold}};
  if (exit.router) json["router"] = to_json(*exit.router);
  if (!exit.answer_weights.empty()) json["answer_weights"] = exit.answer_weights;
  return json;
}

Json to_json(const Stage& stage) {
  Json json = {{"name", stage.name}};
  if (!stage.arch.blocks.empty()) json["arch"] = stage.arch.text();
  if (stage.preprocess) json["preprocess"] = preprocess::to_json(*stage.preprocess);
  json["input"] = stage.input == StageInput::image ? "image" : "features";
  if (stage.input == StageInput::features) json["source"] = stage.source;
  json["onnx"] = stage.onnx;
  json["sha256"] = stage.sha256;
  if (!stage.artifacts.empty()) json["artifacts"] = plan::to_json(stage.artifacts);
  json["feature_width"] = stage.feature_width;
  json["macs"] = stage.macs;
  json["parameters"] = stage.parameters;
  json["weight_bytes"] = stage.weight_bytes;
  json["activation_bytes"] = stage.activation_bytes;
  json["precision"] = to_string(stage.precision);
  json["exit"] = to_json(stage.exit);
  if (stage.cost) {
    json["cost"] = {{"latency_us", triage::to_json(stage.cost->latency_us)},
                    {"first_inference_us", stage.cost->first_inference_us},
                    {"load_ms", stage.cost->load_ms}};
    if (stage.cost->prepare_us > 0) json["cost"]["prepare_us"] = stage.cost->prepare_us;
    if (!stage.cost->behind_us.empty()) json["cost"]["behind_us"] = stage.cost->behind_us;
    if (stage.cost->energy_uj) json["cost"]["energy_uj"] = *stage.cost->energy_uj;
  }
  return json;
}

}  // namespace

const engine::Artifact* Stage::artifact(std::string_view engine) const {
  const auto found = std::ranges::find_if(artifacts, [&](const auto& one) { return one.engine.engine == engine; });
  return found == artifacts.end() ? nullptr : &*found;
}

double latency_on_path_us(const Plan& plan, std::size_t stage) {
  const Stage& own = plan.stages[stage];
  const bool prepared = own.input == StageInput::image &&
                        std::any_of(plan.stages.begin(), plan.stages.begin() + static_cast<std::ptrdiff_t>(stage),
                                    [&](const Stage& before) {
                                      return before.input == StageInput::image && before.preprocess == own.preprocess;
                                    });
  double us = own.cost->latency_us.mean;
  const auto more_behind = [&](std::size_t one, std::size_t other) {
    const MeasuredCost& cost = *plan.stages[one].cost;
    return cost.behind_us.empty() ? 0 : cost.behind_us[other] - cost.latency_us.mean;
  };
  for (std::size_t before = 0; before < stage; ++before) us += more_behind(stage, before) + more_behind(before, stage);
  return std::max(us - (prepared ? own.cost->prepare_us : 0), 0.0);
}

Plan plan_of_stages(const Plan& plan, std::span<const std::size_t> stages) {
  Plan part = plan;
  part.stages.clear();
  for (const std::size_t index : stages) {
    Stage& stage = part.stages.emplace_back(plan.stages[index]);
    if (!stage.cost || stage.cost->behind_us.empty()) continue;
    stage.cost->behind_us.clear();
    for (const std::size_t other : stages) stage.cost->behind_us.push_back(plan.stages[index].cost->behind_us[other]);
  }
  return part;
}

void Stage::set_artifact(engine::Artifact artifact) {
  std::erase_if(artifacts, [&](const auto& one) { return one.engine.engine == artifact.engine.engine; });
  artifacts.push_back(std::move(artifact));
}

std::vector<engine::Artifact> Stage::files() const {
  std::vector<engine::Artifact> all = artifacts;
  all.push_back({.engine = {}, .file = onnx, .sha256 = sha256});
  return all;
}

Json to_json(const std::vector<engine::Artifact>& artifacts) {
  Json list = Json::array();
  for (const engine::Artifact& artifact : artifacts) {
    list.push_back({{"engine", artifact.engine.text()}, {"file", artifact.file}, {"sha256", artifact.sha256}});
    if (!artifact.needs.empty()) list.back()["needs"] = artifact.needs;
  }
  return list;
}

std::string to_string(PolicyKind kind) {
  switch (kind) {
    case PolicyKind::learned:
      return "learned";
    case PolicyKind::confidence:
      return "confidence";
    case PolicyKind::entropy:
      return "entropy";
    case PolicyKind::margin:
      return "margin";
    case PolicyKind::agreement:
      return "agreement";
  }
  return "unknown";
}

std::string to_string(Metric metric) { return metric == Metric::balanced ? "balanced" : "accuracy"; }

Json to_json(const Plan& plan) {
  Json json = {{"version", kPlanVersion},          {"name", plan.name},
               {"input", to_json(plan.input)},     {"classes", plan.classes},
               {"policy", to_string(plan.policy)}, {"stages", Json::array()}};
  if (plan.fit != Fit::squash) json["fit"] = fit_name(plan.fit);
  for (const Stage& stage : plan.stages) json["stages"].push_back(to_json(stage));
  if (plan.predicted) {
    json["predicted"] = {{"metric", to_string(plan.predicted->metric)},
                         {"accuracy", plan.predicted->accuracy},
                         {"mean_latency_us", plan.predicted->mean_latency_us},
                         {"exit_share", plan.predicted->exit_share}};
  }
  json["provenance"] = plan.provenance;
  return json;
}

void save_plan(const fs::path& directory, const Plan& plan) {
  const fs::path file = directory / "plan.json";
  const Json json = to_json(plan);
  plan_from_json(json, file.string());  // what could not be read back is not written
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) fail("{}: cannot create the directory: {}", directory.string(), error.message());
  write_sealed_json(file, json);
}

}  // namespace triage::plan
