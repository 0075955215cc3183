// StageModel: one stage of a plan as plain numbers, and how it becomes a graph and with that a standard ONNX file.
//
// Graph (N is dynamic, float32 throughout):
//   "image" [N, C, H, W] in [0, 1], or "carry_in" [N, c, h, w], the output of block first_block - 1
//     -> (x - mean) / stddev, images only; the division is folded into the first convolution's weights
//     -> per layer Conv with bias, Relu, [MaxPool 2x2 stride 2]; the pool stands behind the ReLU because batch
//        normalisation is folded with a positive scale, so both commute, and engines fuse Conv with Relu
//     -> GlobalMaxPool -> Flatten -> Gemm -> "logits" [N, classes]
//   "features" [N, F]: mean over the map of block features_block's output
//   "carry" [N, c, h, w]: the output of block carry_block, which a feature stage goes on from
//   "score" [N]: the exit's escalation score (score_nodes.h)
// In int8 (int8.h): the input of the first convolution and what leaves each one are rounded to their grids
// (int8_nodes.h), weights and biases are integers, and the head's GlobalMaxPool is a MaxPool over the whole map, which
// engines have in 8 bits.
// Metadata: triage.version, triage.arch, triage.blocks ("first:last"), triage.classes (JSON list).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exporting/graph_builder.h"
#include "exporting/int8/int8.h"
#include "model/graph.h"
#include "plan/plan.h"

namespace triage::exporting {

// A convolution with batch normalisation folded in.
struct FoldedConv {
  std::vector<float> weight;  // [out, in, 3, 3]
  std::vector<float> bias;    // [out]
};

struct StageModel {
  std::string name = "stage";
  plan::ArchSpec arch;     // the whole net; this stage is its blocks [first_block, last_block)
  plan::InputShape input;  // of the image, also for a feature stage
  std::vector<std::string> classes;
  std::vector<float> mean, stddev;       // [input.channels]; not read where first_block > 0
  int first_block = 0, last_block = -1;  // -1: to the end
  std::vector<FoldedConv> convs;         // of these blocks, in order
  std::vector<float> head_weight;        // [classes, width of the last block]
  std::vector<float> head_bias;          // [classes]
  int features_block = -1;               // -1: no "features"
  int carry_block = -1;                  // -1: no "carry"
  std::optional<Int8Stage> int8;         // absent: all in fp32
  std::optional<plan::Exit> exit;        // absent: no "score" (the last stage)
  plan::PolicyKind policy = plan::PolicyKind::learned;

  int end_block() const { return last_block < 0 ? static_cast<int>(arch.blocks.size()) : last_block; }
  int feature_width() const { return features_block < 0 ? 0 : arch.blocks[features_block].back(); }
};

// The layers of the stage's blocks, in the order of StageModel::convs.
std::vector<plan::ConvLayer> stage_layers(const StageModel& stage);

// A convolution's weight as the file has it: [out, in, 3, 3], the image's 1 / stddev folded in.
std::vector<float> file_weight(const StageModel& stage, std::size_t conv);

// Throws Error naming the stage, the layer, found and expected: sizes, values that are not finite, stddev <= 0.
void check_stage_model(const StageModel& stage);

// Both check the stage first. The graph has no score; shapes are inferred.
model::Graph stage_to_graph(const StageModel& stage);
onnx::ModelProto stage_to_onnx(const StageModel& stage);

}  // namespace triage::exporting
