// A blueprint as a graph: convolutions with batch norm folded in, as ONNX Runtime and model::interpret() run them.
//
// "image" [N, C, H, W] float32 in [0, 1] (or "carry_in", a section's map) -> ... -> "logits" [N, classes]; "features"
// [N, F], the mean over a section's map; "carry", a section's map. Nodes and constants have the layers' names. N is
// free.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "family/family.h"
#include "model/counts.h"
#include "model/graph.h"

namespace triage::family {

// The numbers of a tensor that a layer has (weights_of()), as many as dims say, row-major.
using Weights = std::function<std::vector<float>(const std::string& name, const model::Dims& dims)>;
Weights zero_weights();                      // where shapes alone matter
Weights random_weights(std::uint64_t seed);  // of a size that keeps maps in bounds (He et al. 2015)

struct LowerOptions {
  std::string name = "net";
  int first_section = 0;            // > 0: goes on from the map of the section before, "carry_in"
  int features = -1, carry = -1;    // sections whose map is given; -1: none
  std::vector<float> mean, stddev;  // per channel, of an image in [0, 1]; none: it comes normalised
};

struct Lowered {
  model::Graph graph;
  std::vector<model::ValueId> sections;  // the map behind each section; model::kNone before first_section
};

// Throws Error where the options do not fit the blueprint.
Lowered lower(const Blueprint& blueprint, const Weights& weights, const LowerOptions& options = {});

// MACs, parameters and memory of the whole net, per image.
model::Counts count(const ArchSpec& arch, const plan::InputShape& input, int classes);

}  // namespace triage::family
