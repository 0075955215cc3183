#include "workflow/config/stage_config.h"

#include <algorithm>
#include <set>

#include "core/error.h"

namespace triage::workflow {
namespace {

void read_network(ConfigSection& section, StageConfig& stage) {
  section.read("features_block", stage.features_block, 0, static_cast<int>(stage.space.blocks.size()) - 1);
  section.read("from", stage.from);
  train::read_train_options(section, stage.train);
  if (stage.train.epochs == 0 && stage.from.empty()) section.fail_at("epochs", "at least 1, or 'from'");
  section.finish();
}

void check_layer_names(ConfigSection& section, const StageConfig& stage) {
  for (const std::string& name : stage.fp32_layers) {
    bool known = false;
    for (const plan::ConvLayer& layer : plan::conv_layers(stage.space.largest(), {3, 1 << 12, 1 << 12}))
      known = known || layer.name() == name;
    if (!known)
      section.fail_at("fp32_layers", std::format("layers of the stage, such as \"block0.conv0\", not \"{}\"", name));
  }
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
  supernet.space = plan::SearchSpace::parse(space);
  train::read_supernet_options(section, supernet.supernet);
  read_network(section, supernet);
  if (supernet.from == "supernet") section.fail_at("from", "a directory");
  return supernet;
}

StageConfig read_stage(ConfigSection section) {
  StageConfig stage;
  section.require("name");
  section.require("arch");
  section.read("name", stage.name);
  if (stage.name == "supernet") section.fail_at("name", "another name than that of the [supernet]");
  if (stage.name == "plan") section.fail_at("name", "another name than that of the whole plan");
  if (stage.name.empty() ||
      stage.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos) {
    section.fail_at("name", "lower-case letters, digits and underscores");
  }
  std::string arch;
  section.read("arch", arch);
  stage.space = plan::SearchSpace::only(plan::ArchSpec::parse(arch));
  section.read("teacher", stage.teacher);
  train::read_exit_options(section, stage.supernet);
  std::string precision = plan::to_string(stage.inference_precision);
  section.read("inference_precision", precision);
  if (precision != "fp32" && precision != "int8") section.fail_at("inference_precision", "fp32 or int8");
  stage.inference_precision = plan::precision_from_string(precision, "inference_precision");
  section.read("fp32_layers", stage.fp32_layers);
  check_layer_names(section, stage);
  stage.features_block = std::min(stage.features_block, static_cast<int>(stage.space.blocks.size()) - 1);
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
    if (stage.from == "supernet" && !has_supernet)
      fail("{}: stage '{}': from: expected a [supernet] in this file, found none", origin, stage.name);
  }
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
