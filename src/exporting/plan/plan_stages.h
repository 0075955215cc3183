// The stages inside a plan's model: their inputs, their nodes, and what others read of them.
#pragma once

#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "exporting/plan/plan_model.h"

namespace triage::exporting {

// Where a plan's model stands while it is made. Vectors of names: one for each stage; empty: not in the graph yet, or
// not read by anybody.
struct PlanGraph {
  const plan::Plan& plan;
  std::span<const onnx::ModelProto> stages;  // of one operator set
  PlanModelOptions options;
  int opset = kOpset;
  std::vector<std::string> logits, features;  // full names of each stage's, once they are in the graph
  std::vector<std::string> carries;  // full name of each stage's carried map, once it is in the graph; else empty
  std::vector<std::string> answers;  // the same of its probabilities, where an exit reads them
  std::vector<std::string> means;    // by exit: of the probabilities it answers from; empty: its own logits
  std::string image = "image";       // of the images that come to the stage
  std::vector<std::pair<preprocess::Preprocess, std::string>> inputs;  // preprocessed images in the graphs around
};

// Puts the nodes behind `wanted`, outputs of its file, and the stage's input into the graph. A network of one batch
// size gets its one image filled up with zeros. Throws Error naming the stage.
void add_stage(PlanGraph& context, onnx::GraphProto& graph, int index, const std::set<std::string>& wanted);

}  // namespace triage::exporting
