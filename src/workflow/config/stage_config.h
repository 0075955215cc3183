// A network of a run, as a configuration says it: [supernet] or one of [[stage]].
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "family/any_space.h"
#include "plan/plan.h"
#include "train/options.h"

namespace triage::workflow {

// A net that somebody has as an ONNX file: it is imported and not trained. Of what is empty the stage says nothing, as
// `triage cascade` has it without the option.
struct OnnxConfig {
  fs::path file, preprocess, classes;  // relative to the configuration, or absolute
  std::string answer, features;        // names of values of the net
};

struct StageConfig {
  std::string name;                // also the name of its files: NAME.pt, NAME.onnx
  std::optional<OnnxConfig> onnx;  // what follows is of trained stages and has no meaning beside it
  family::AnySpace space;          // of one subnet for the stages of a plan
  std::string from;  // the weights start from: "supernet" (of this run), a directory with supernet.pt, a NAME.pt
  // What it is distilled from: another stage, "supernet" (the one of `from`), a NAME.pt, or a classifier NAME.onnx (as
  // OnnxConfig::file). Empty: labels only.
  std::string teacher;
  int features_block = 1;                                       // or section: its pooled output feeds the router
  plan::Precision inference_precision = plan::Precision::fp32;  // of its stages in the plan
  std::vector<std::string> fp32_layers;                         // "block0.conv0": stay as they are in int8
  train::TrainOptions train;
  train::SupernetOptions supernet;  // of a stage the exits alone: behind each ends a stage of the plan

  bool learns_from_file() const { return teacher.ends_with(".pt") || teacher.ends_with(".onnx"); }
  bool learns_from_stage() const { return !teacher.empty() && teacher != "supernet" && !learns_from_file(); }
};

StageConfig read_supernet(ConfigSection section);
StageConfig read_stage(ConfigSection section);

// Throws Error unless names differ, every teacher exists, no chain of teachers comes back to where it
// began, and stages that start from "supernet" have one. origin: of the configuration.
void check_stages(const std::vector<StageConfig>& stages, bool has_supernet, const std::string& origin);

// The places of stages that stand in the configuration relative to it, as settings (Config::load) that make them
// absolute, so that a copy of it elsewhere means the same files. directory: of the configuration.
std::vector<std::string> absolute_paths(const std::vector<StageConfig>& stages, const fs::path& directory);

// The stage of this name; throws Error where there is none.
const StageConfig& stage_of(const std::vector<StageConfig>& stages, const std::string& name, const std::string& origin);

// Places of `stages` in an order in which every stage stands behind the one it learns from. No circles.
std::vector<std::size_t> training_order(const std::vector<StageConfig>& stages);

}  // namespace triage::workflow
