// A network of a run, as a configuration says it: [supernet] or one of [[stage]].
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"
#include "plan/space.h"
#include "train/options.h"

namespace triage::workflow {

struct StageConfig {
  std::string name;         // also the name of its files: NAME.pt, NAME.onnx
  plan::SearchSpace space;  // of one subnet for the stages of a plan
  std::string from;         // the weights start from: "supernet" (of this run), a directory with supernet.pt, a NAME.pt
  std::string teacher;     // another stage, or "supernet" (the one of `from`), it is distilled from; empty: labels only
  int features_block = 1;  // its pooled output feeds the router
  plan::Precision inference_precision = plan::Precision::fp32;  // of its stages in the plan
  std::vector<std::string> fp32_layers;                         // "block0.conv0": stay as they are in int8
  train::TrainOptions train;
  train::SupernetOptions supernet;  // of a stage the exits alone: behind each ends a stage of the plan

  bool learns_from_stage() const { return !teacher.empty() && teacher != "supernet"; }
};

StageConfig read_supernet(ConfigSection section);
StageConfig read_stage(ConfigSection section);

// Throws Error unless names differ, every teacher exists, no chain of teachers comes back to where it began, and stages
// that start from "supernet" have one. origin: of the configuration.
void check_stages(const std::vector<StageConfig>& stages, bool has_supernet, const std::string& origin);

// The stage of this name; throws Error where there is none.
const StageConfig& stage_of(const std::vector<StageConfig>& stages, const std::string& name, const std::string& origin);

// Places of `stages` in an order in which every stage stands behind the one it learns from. No circles.
std::vector<std::size_t> training_order(const std::vector<StageConfig>& stages);

}  // namespace triage::workflow
