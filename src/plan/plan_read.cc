// plan.json -> Plan. Every field is checked here, so that whoever holds a Plan may index without looking.
#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "core/files/new_directory.h"
#include "plan/plan.h"

namespace triage::plan {
namespace {

constexpr int kMaxFeatures = 65'536;

// Names stand in messages, tables and pictures.
std::string printable(const JsonReader& json, const char* key) {
  const std::string text = json.get<std::string>(key);
  if (!is_name(text)) json.at(key).fail_here("a name without control characters");
  return text;
}

// A file beside plan.json and nowhere else.
std::string plain_file_name(const JsonReader& json, const char* key) {
  const std::string name = printable(json, key);
  if (name.find_first_of("/\\") != std::string::npos || name.find("..") != std::string::npos || name == ".") {
    json.at(key).fail_here("a plain file name (no slash, no '..')");
  }
  return name;
}

std::string checksum(const JsonReader& json, const char* key) {
  const std::string text = json.get<std::string>(key);
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (text.size() != 64 || !std::ranges::all_of(text, hex)) {
    json.at(key).fail_here("64 hexadecimal digits in lower case");
  }
  return text;
}

std::vector<float> vector_of(const JsonReader& json, const char* key, std::size_t count) {
  if (const JsonReader list = json.at(key); list.size() != count) list.fail_here(std::format("a list of {}", count));
  return json.floats(key);
}

Router router_from_json(const JsonReader& json, int stage_features) {
  Router router;
  router.feature_width = json.get_in("feature_width", 0, kMaxFeatures);
  if (router.feature_width != stage_features) {
    json.at("feature_width").fail_here(std::format("the stage's feature width {}", stage_features));
  }
  router.hidden = json.get_in("hidden", 1, kMaxHidden);
  const auto inputs = static_cast<std::size_t>(router.inputs()), hidden = static_cast<std::size_t>(router.hidden);
  router.mean = vector_of(json, "mean", inputs);
  router.scale = vector_of(json, "scale", inputs);
  router.weight1 = vector_of(json, "weight1", inputs * hidden);
  router.bias1 = vector_of(json, "bias1", hidden);
  router.weight2 = vector_of(json, "weight2", hidden);
  router.bias2 = json.get<float>("bias2");
  router.skip = json.get<float>("skip");
  return router;
}

// Of the stages 0 to `stage`.
std::vector<double> answer_weights_from_json(const JsonReader& json, int stage) {
  if (json.size() != static_cast<std::size_t>(stage) + 1)
    json.fail_here(std::format("a list of {}, one for each stage up to this one", stage + 1));
  const auto weights = json.as<std::vector<double>>();
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] >= 0 && weights[i] <= 1)) json.at(i).fail_here("a weight from 0 to 1");
    sum += weights[i];
  }
  if (std::abs(sum - 1) > 1e-6) fail("{}: expected weights that add up to 1, found {}", json.where(), sum);
  return weights;
}

Exit exit_from_json(const JsonReader& json, int stage, int stage_features) {
  Exit exit;
  exit.temperature = json.get_in("temperature", 1e-3, 1e3);
  exit.threshold = json.get<double>("threshold");
  if (json.has("router")) exit.router = router_from_json(json.at("router"), stage_features);
  if (json.has("answer_weights")) exit.answer_weights = answer_weights_from_json(json.at("answer_weights"), stage);
  return exit;
}

std::vector<double> behind_from_json(const JsonReader& json, std::size_t stages) {
  if (json.size() != stages) json.fail_here(std::format("one latency per stage ({})", stages));
  const auto us = json.as<std::vector<double>>();
  for (std::size_t i = 0; i < us.size(); ++i) {
    if (!(us[i] >= 0)) json.at(i).fail_here("0 us or more");
  }
  return us;
}

MeasuredCost cost_from_json(const JsonReader& json, std::size_t stages) {
  MeasuredCost cost{.latency_us = latency_from_json(json.at("latency_us")),
                    .first_inference_us = json.not_negative("first_inference_us"),
                    .load_ms = json.not_negative("load_ms")};
  if (json.has("prepare_us")) {
    cost.prepare_us = json.get_in("prepare_us", 0.0, cost.latency_us.mean);
  }
  if (json.has("behind_us")) cost.behind_us = behind_from_json(json.at("behind_us"), stages);
  if (json.has("energy_uj")) cost.energy_uj = json.not_negative("energy_uj");
  return cost;
}

ArchSpec arch_from_json(const JsonReader& json) {
  try {
    return ArchSpec::parse(json.as<std::string>());
  } catch (const Error& error) {
    fail("{}: {}", json.where(), error.what());
  }
}

// A network of ours takes the plan's images as they are; an imported one has no arch.
void check_arch(const JsonReader& json, const Stage& stage, const InputShape& input) {
  if (stage.arch.blocks.empty()) return;
  try {
    conv_layers(stage.arch, stage.preprocess ? InputShape{stage.preprocess->channels, stage.preprocess->height,
                                                          stage.preprocess->width}
                                             : input);
  } catch (const Error& error) {
    fail("{}: {}", json.at("arch").where(), error.what());
  }
}

Stage stage_from_json(const JsonReader& json, int index, std::size_t stages, int version, const Plan& plan) {
  Stage stage;
  stage.name = printable(json, "name");
  if (json.has("arch")) stage.arch = arch_from_json(json.at("arch"));
  const std::string input = json.get<std::string>("input");
  if (json.has("preprocess")) {
    if (input != "image") json.at("preprocess").fail_here("none at a stage that reads features");
    stage.preprocess = preprocess::preprocess_from_json(json.at("preprocess"));
  }
  if (input == "features") {
    stage.input = StageInput::features;
    stage.source = json.get<int>("source");
    if (stage.source < 0 || stage.source >= index) {
      json.at("source").fail_here(index == 0 ? "input 'image' at the first stage"
                                             : std::format("an earlier stage, 0 to {}", index - 1));
    }
  } else if (input == "image") {
    if (json.has("source")) json.at("source").fail_here("no source for an image stage");
    if (plan.input.any_size() && !stage.preprocess) json.at("preprocess").fail_here("one, for images of any size");
    check_arch(json, stage, plan.input);
  } else {
    json.at("input").fail_here("'image' or 'features'");
  }
  stage.onnx = plain_file_name(json, "onnx");
  stage.sha256 = checksum(json, "sha256");
  if (version == 1) {
    if (json.has(engine::kCompiled)) stage.artifacts = {compiled_from_json(json.at(engine::kCompiled))};
  } else if (json.has("artifacts")) {
    stage.artifacts = artifacts_from_json(json.at("artifacts"));
  }
  stage.feature_width = json.get_in("feature_width", 0, kMaxFeatures);
  stage.macs = json.get_in<std::int64_t>("macs", 0, INT64_MAX);
  stage.parameters = json.get_in<std::int64_t>("parameters", 0, INT64_MAX);
  stage.weight_bytes = stage.parameters * std::int64_t{sizeof(float)};
  if (json.has("precision")) {  // plans before there was a choice are in fp32
    stage.weight_bytes = json.get_in<std::int64_t>("weight_bytes", 0, INT64_MAX);
    stage.activation_bytes = json.get_in<std::int64_t>("activation_bytes", 0, INT64_MAX);
    stage.precision = precision_from_string(json.get<std::string>("precision"), json.at("precision").where());
  }
  stage.exit = exit_from_json(json.at("exit"), index, stage.feature_width);
  if (json.has("cost")) stage.cost = cost_from_json(json.at("cost"), stages);
  return stage;
}

Prediction prediction_from_json(const JsonReader& json, std::size_t stages) {
  Prediction prediction;
  if (json.has("metric"))  // plans before there was a choice
    prediction.metric = metric_from_string(json.get<std::string>("metric"), json.at("metric").where());
  prediction.accuracy = json.get_in("accuracy", 0.0, 1.0);
  prediction.mean_latency_us = json.not_negative("mean_latency_us");
  const JsonReader shares = json.at("exit_share");
  if (shares.size() != stages) shares.fail_here(std::format("one share per stage ({})", stages));
  prediction.exit_share = shares.as<std::vector<double>>();
  double sum = 0;
  for (const double share : prediction.exit_share) {
    if (!(share >= 0 && share <= 1)) fail("{}: expected shares from 0 to 1, found {}", shares.where(), share);
    sum += share;
  }
  if (std::abs(sum - 1) > 1e-3) fail("{}: expected shares that add up to 1, found {}", shares.where(), sum);
  return prediction;
}

std::vector<std::string> classes_from_json(const JsonReader& json) {
  if (json.size() < 2 || json.size() > std::size_t{kMaxClasses})
    json.fail_here(std::format("2 to {} classes", kMaxClasses));
  const auto classes = json.as<std::vector<std::string>>();
  std::set<std::string> names;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (!names.insert(classes[i]).second) json.at(i).fail_here("a name that no other class has");
  }
  return classes;
}

}  // namespace

bool is_name(const std::string& text) {
  const auto control = [](unsigned char c) { return c < ' ' || c == 127; };
  return !text.empty() && std::ranges::none_of(text, control);
}

PolicyKind policy_from_string(const std::string& text, const std::string& where) {
  for (const PolicyKind kind : kPolicyKinds) {
    if (text == to_string(kind)) return kind;
  }
  fail("{}: expected learned, confidence, entropy, margin or agreement, found '{}'", where, text);
}

Metric metric_from_string(const std::string& text, const std::string& where) {
  for (const auto metric : {Metric::accuracy, Metric::balanced}) {
    if (text == to_string(metric)) return metric;
  }
  fail("{}: expected accuracy or balanced, found '{}'", where, text);
}

engine::Artifact compiled_from_json(const JsonReader& json) {
  return {.engine = engine::spec_of_engine(engine::kCompiled),
          .file = plain_file_name(json, "file"),
          .sha256 = checksum(json, "sha256")};
}

std::vector<engine::Artifact> artifacts_from_json(const JsonReader& list) {
  std::vector<engine::Artifact> artifacts;
  std::set<std::string> engines;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const JsonReader json = list.at(i);
    const JsonReader spec = json.at("engine");
    engine::Artifact& artifact = artifacts.emplace_back();
    artifact.engine = engine::EngineSpec::parse(spec.as<std::string>(), spec.where());
    if (!engines.insert(artifact.engine.engine).second) spec.fail_here("an engine that no other artifact is for");
    artifact.file = plain_file_name(json, "file");
    artifact.sha256 = checksum(json, "sha256");
    if (json.has("needs")) artifact.needs = json.at("needs").as<std::vector<std::string>>();
    for (std::size_t k = 0; k < artifact.needs.size(); ++k) {
      if (!is_name(artifact.needs[k])) json.at("needs").at(k).fail_here("a name without control characters");
    }
  }
  return artifacts;
}

Plan plan_from_json(const Json& json, const std::string& origin) {
  const JsonReader reader(json, origin);
  const int version = reader.get_in("version", 1, kPlanVersion);
  Plan plan;
  plan.name = printable(reader, "name");
  plan.input = input_shape_from_json(reader.at("input"));
  plan.fit = fit_from_json(reader);
  plan.classes = classes_from_json(reader.at("classes"));
  plan.policy = policy_from_string(reader.get<std::string>("policy"), reader.at("policy").where());
  const JsonReader stages = reader.at("stages");
  if (stages.size() < 1 || stages.size() > kMaxStages) stages.fail_here(std::format("1 to {} stages", kMaxStages));
  std::set<std::string> names;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const JsonReader place = stages.at(i);
    plan.stages.push_back(stage_from_json(place, static_cast<int>(i), stages.size(), version, plan));
    const Stage& stage = plan.stages.back();
    if (!names.insert(stage.name).second) place.at("name").fail_here("a name that no other stage has");
    if (plan.policy == PolicyKind::learned && i + 1 < stages.size() && !stage.exit.router) {
      fail("{}: field 'router' is missing: the policy 'learned' needs one at every exit but the last",
           place.at("exit").where());
    }
  }
  if (reader.has("predicted")) plan.predicted = prediction_from_json(reader.at("predicted"), stages.size());
  if (reader.has("provenance")) {
    plan.provenance = reader.at("provenance").json();
    if (!plan.provenance.is_object()) reader.at("provenance").fail_here("an object");
  }
  return plan;
}

Plan load_plan(const fs::path& directory) {
  const fs::path file = directory / "plan.json";
  recover_directory(directory);
  return plan_from_json(read_sealed_json(file), file.string());
}

}  // namespace triage::plan
