// StageGraph: a network as the layers that kernels exist for. stage_graph() finds them in a graph by what its nodes do,
// whoever wrote it (triage build or another exporter), and says which node is none of them:
//
//   input [N, C, H, W] -> [Sub of a number per channel]
//     -> layers: Conv 3x3, stride 1, padding 1, one group -> Relu -> [MaxPool 2x2, stride 2]
//     -> pool over the whole map (GlobalMaxPool, MaxPool) -> Flatten, Reshape or Squeeze to [N, C] -> Gemm -> logits
//   "features": GlobalAveragePool of a layer's map, flattened; "carry": a layer's map as it is
//
// In int8 pairs of QuantizeLinear and DequantizeLinear (uint8, one scale) round maps, and DequantizeLinear of integers
// gives weights (int8, zero point 0, a scale for each channel or one) and biases (int32). Rounding with zero point 0 is
// a Relu. Identity nodes are passed; outputs of other names ("score") are not looked at.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/graph.h"
#include "model/int8.h"
#include "plan/arch.h"

namespace triage::compiler {

struct GraphConv {
  std::string name;                           // of its node
  plan::ConvLayer layer;                      // its sizes; the place in an architecture is not known
  std::vector<float> weight, bias;            // fp32: [out, in, 3, 3], [out]
  std::optional<model::IntegerWeights> int8;  // in place of them
};

struct StageGraph {
  plan::InputShape input;   // what the stage reads: an image, or a carried map
  bool reads_image = true;  // false: the input is called "carry_in"
  std::vector<float> mean;  // of the input's channels, subtracted; empty: none
  std::vector<GraphConv> convs;
  std::vector<std::optional<model::Grid>>
      grids;  // [convs + 1]: of what each convolution reads, and of what the head reads
  int classes = 0;
  std::vector<float> head_weight, head_bias;  // [classes, channels], [classes]
  int features_conv = -1, carry_conv = -1;    // behind which convolution they are taken; -1: no such output
  bool int8() const;                          // a convolution is
};

// The answers are the output "logits", or the only one. Throws Error naming the file, the node, found and expected.
StageGraph stage_graph(const model::Graph& graph);

}  // namespace triage::compiler
