#include "workflow/config/stage_config.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/json.h"

namespace triage::workflow {
namespace {

void read_network(ConfigSection& section, StageConfig& stage) {
  section.read("features_block", stage.features_block, 0, static_cast<int>(stage.space->sections()) - 1);
  section.read("from", stage.from);
  train::read_train_options(section, stage.train);
  if (!stage.teacher.empty() && stage.train.augment.mixes() && stage.train.distill.views > 0)
    section.fail_at("teacher", "distill.views = 0 beside mixup or cutmix, of whose images no answer can be kept");
  if (stage.train.epochs == 0 && stage.from.empty()) section.fail_at("epochs", "at least 1, or 'from'");
  section.finish();
}

void check_layer_names(ConfigSection& section, const StageConfig& stage) {
  for (const std::string& name : stage.fp32_layers) {
    bool known = false;
    for (const plan::ConvLayer& layer : plan::conv_layers(stage.space.plain().largest(), {3, 1 << 12, 1 << 12}))
      known = known || layer.name() == name;
    if (!known)
      section.fail_at("fp32_layers", std::format("layers of the stage, such as \"block0.conv0\", not \"{}\"", name));
  }
}

// Networks of other families than plain: their recipe begins elsewhere, and what they do without is refused by name.
void begin_other_family(ConfigSection& section, StageConfig& stage, std::initializer_list<const char*> not_yet) {
  std::vector<const char*> keys{"whitened_stem", "freeze_stem", "residual", "head_scale"};
  keys.insert(keys.end(), not_yet);
  for (const char* key : keys)
    if (section.has(key)) section.fail_at(key, "no such key beside another family than plain");
  stage.train = train::other_family_defaults();
}

std::string read_name(ConfigSection& section) {
  std::string name;
  section.require("name");
  section.read("name", name);
  if (name == "supernet") section.fail_at("name", "another name than that of the [supernet]");
  if (name == "plan") section.fail_at("name", "another name than that of the whole plan");
  if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
    section.fail_at("name", "lower-case letters, digits and underscores");
  return name;
}

void read_precision(ConfigSection& section, StageConfig& stage) {
  std::string precision = plan::to_string(stage.inference_precision);
  section.read("inference_precision", precision);
  if (precision != "fp32" && precision != "int8") section.fail_at("inference_precision", "fp32 or int8");
  stage.inference_precision = plan::precision_from_string(precision, "inference_precision");
}

// Of a stage that is imported; what belongs to trained ones is refused by name.
OnnxConfig read_onnx(ConfigSection& section) {
  for (const char* key : {"arch", "teacher", "exits", "exit_gradient", "exit_weight", "from", "features_block",
                          "fp32_layers", "epochs", "batch", "lr", "augment", "distill"}) {
    if (section.has(key)) section.fail_at(key, "no such key beside 'onnx': the stage is imported, not trained");
  }
  OnnxConfig onnx;
  const auto path = [&](const char* key, fs::path& value) {
    std::string text;
    section.read(key, text);
    if (section.has(key) && text.empty()) section.fail_at(key, "the name of a file");
    value = text;
  };
  path("onnx", onnx.file);
  path("preprocess", onnx.preprocess);
  path("classes", onnx.classes);
  section.read("answer", onnx.answer);
  section.read("features", onnx.features);
  section.finish();
  return onnx;
}

void check_teachers(const std::vector<StageConfig>& stages, const std::string& origin) {
  for (const StageConfig& first : stages) {
    std::set<std::string> seen;
    for (const StageConfig* stage = &first; stage->learns_from_stage();
         stage = &stage_of(stages, stage->teacher, origin)) {
      if (!seen.insert(stage->name).second) fail("{}: stage '{}': teachers form a circle", origin, first.name);
    }
  }
}

}  // namespace

StageConfig read_supernet(ConfigSection section) {
  StageConfig supernet;
  supernet.name = "supernet";
  section.require("space");
  std::string space;
  section.read("space", space);
  supernet.space = family::AnySpace::parse(space);
  if (!supernet.space.is_plain()) begin_other_family(section, supernet, {});
  train::read_supernet_options(section, supernet.supernet);
  read_network(section, supernet);
  if (supernet.from == "supernet") section.fail_at("from", "a directory");
  return supernet;
}

StageConfig read_stage(ConfigSection section) {
  StageConfig stage;
  stage.name = read_name(section);
  if (section.has("onnx")) {
    read_precision(section, stage);
    stage.onnx = read_onnx(section);
    return stage;
  }
  section.require("arch");
  std::string arch;
  section.read("arch", arch);
  stage.space = family::AnySpace::parse(family::ArchSpec::parse(arch).text());
  if (!stage.space.is_plain()) begin_other_family(section, stage, {"fp32_layers"});
  section.read("teacher", stage.teacher);
  train::read_exit_options(section, stage.supernet);
  read_precision(section, stage);
  section.read("fp32_layers", stage.fp32_layers);
  check_layer_names(section, stage);
  stage.features_block = std::min(stage.features_block, static_cast<int>(stage.space->sections()) - 1);
  read_network(section, stage);
  if (stage.teacher == "supernet" && (stage.from.empty() || stage.from.ends_with(".pt")))
    section.fail_at("teacher", "a stage, or a supernet in 'from' beside it");
  return stage;
}

void check_stages(const std::vector<StageConfig>& stages, bool has_supernet, const std::string& origin) {
  std::set<std::string> names;
  for (const StageConfig& stage : stages) {
    if (!names.insert(stage.name).second) fail("{}: two stages are named '{}'", origin, stage.name);
  }
  check_teachers(stages, origin);
  for (const StageConfig& stage : stages) {
    if (stage.learns_from_stage()) stage_of(stages, stage.teacher, origin);
    if (stage.from == "supernet" && !has_supernet)
      fail("{}: stage '{}': from: expected a [supernet] in this file, found none", origin, stage.name);
  }
}

std::vector<std::string> absolute_paths(const std::vector<StageConfig>& stages, const fs::path& directory) {
  std::vector<std::string> settings;
  const auto add = [&](const StageConfig& stage, const char* key, const fs::path& path) {
    if (path.empty() || path.is_absolute()) return;
    const std::string place = fs::absolute(directory / path).lexically_normal().string();
    settings.push_back(std::format("stage.{}.{}={}", stage.name, key, Json(place).dump()));
  };
  for (const StageConfig& stage : stages) {
    if (stage.learns_from_file()) add(stage, "teacher", stage.teacher);
    if (!stage.onnx) continue;
    add(stage, "onnx", stage.onnx->file);
    add(stage, "preprocess", stage.onnx->preprocess);
    add(stage, "classes", stage.onnx->classes);
  }
  return settings;
}

const StageConfig& stage_of(const std::vector<StageConfig>& stages, const std::string& name,
                            const std::string& origin) {
  const auto found = std::ranges::find(stages, name, &StageConfig::name);
  if (found == stages.end()) fail("{}: expected a [[stage]] named '{}', found none", origin, name);
  return *found;
}

std::vector<std::size_t> training_order(const std::vector<StageConfig>& stages) {
  std::vector<std::size_t> order;
  std::set<std::string> trained;
  while (order.size() < stages.size()) {  // without circles every pass finds one
    for (std::size_t i = 0; i < stages.size(); ++i) {
      if (trained.contains(stages[i].name)) continue;
      if (stages[i].learns_from_stage() && !trained.contains(stages[i].teacher)) continue;
      trained.insert(stages[i].name);
      order.push_back(i);
    }
  }
  return order;
}

}  // namespace triage::workflow
