#include "measure/stages/stage_list.h"

#include <set>

#include "core/error.h"

namespace triage::measure {
namespace {

constexpr int kStageListVersion = 1;

plan::Stage listed_stage(const JsonReader& json, int index) {
  plan::Stage stage;
  stage.name = json.get<std::string>("name");
  stage.onnx = json.get<std::string>("onnx");
  if (stage.name.empty() || stage.name == "plan") json.at("name").fail_here("a name, and not 'plan'");
  if (stage.onnx.empty() || stage.onnx.find('/') != std::string::npos) {
    json.at("onnx").fail_here("a plain file name (no slash)");
  }
  if (json.has("artifacts")) stage.artifacts = plan::artifacts_from_json(json.at("artifacts"));
  if (json.has("precision")) {
    stage.precision = plan::precision_from_string(json.get<std::string>("precision"), json.at("precision").where());
  }
  const std::string input = json.get<std::string>("input");
  if (input == "features") {
    stage.input = plan::StageInput::features;
    if (index == 0) json.at("input").fail_here("'image' at the first stage");
    stage.source = json.get_in("source", 0, index - 1);
  } else if (input != "image") {
    json.at("input").fail_here("'image' or 'features'");
  } else if (json.has("preprocess")) {
    stage.preprocess = preprocess::preprocess_from_json(json.at("preprocess"));
  }
  return stage;
}

}  // namespace

Json stage_list_to_json(const plan::Plan& plan) {
  Json json = {
      {"version", kStageListVersion}, {"name", plan.name}, {"input", to_json(plan.input)}, {"stages", Json::array()}};
  for (const plan::Stage& stage : plan.stages) {
    const bool features = stage.input == plan::StageInput::features;
    Json listed = {{"name", stage.name}, {"onnx", stage.onnx}, {"input", features ? "features" : "image"}};
    if (features) listed["source"] = stage.source;
    if (stage.preprocess) listed["preprocess"] = to_json(*stage.preprocess);
    if (stage.precision != plan::Precision::fp32) listed["precision"] = plan::to_string(stage.precision);
    if (!stage.artifacts.empty()) listed["artifacts"] = plan::to_json(stage.artifacts);
    json["stages"].push_back(listed);
  }
  return json;
}

plan::Plan stage_list_from_json(const Json& json, const std::string& origin) {
  const JsonReader reader(json, origin);
  if (reader.get<int>("version") != kStageListVersion) {
    reader.at("version").fail_here(std::to_string(kStageListVersion));
  }
  plan::Plan plan;
  plan.name = reader.get<std::string>("name");
  plan.input = plan::input_shape_from_json(reader.at("input"));
  const JsonReader stages = reader.at("stages");
  if (stages.size() == 0) stages.fail_here("at least one stage");
  std::set<std::string> names;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    plan.stages.push_back(listed_stage(stages.at(i), static_cast<int>(i)));
    if (!names.insert(plan.stages.back().name).second) {
      stages.at(i).at("name").fail_here("a name that no other stage has");
    }
  }
  return plan;
}

Measurable load_measurable(const fs::path& directory) {
  if (fs::exists(directory / "plan.json")) return {plan::load_plan(directory), true};
  const fs::path list = directory / "stages.json";
  if (!fs::exists(list)) fail("{}: found neither plan.json nor stages.json, expected one", directory.string());
  return {stage_list_from_json(read_sealed_json(list), list.string()), false};
}

}  // namespace triage::measure
