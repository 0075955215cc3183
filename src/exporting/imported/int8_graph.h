// Which nodes of an imported graph can compute in 8 bits, and the graph with some of them in 8 bits: QuantizeLinear and
// DequantizeLinear around them (QDQ), which engines take together with the node.
//
// As model/int8.h has it: maps unsigned with one grid, weights signed with a scale for each output channel,
// biases of 32 bits. A ReLU or a clip behind a convolution or a sum is part of its rounding. HardSigmoid is rounding to
// a grid of its own: what it cuts off, an integer of 8 bits cuts off as well, so that it costs one pass over a table;
// HardSwish is that times its input. Nodes that only move numbers (Reshape, Transpose, MaxPool) hand on the grid of
// what they read.
#pragma once

#include <map>
#include <vector>

#include "exporting/int8/int8.h"
#include "model/graph.h"

namespace triage::exporting {

// By node: whether it can be in 8 bits.
std::vector<bool> int8_candidates(const model::Graph& graph);

// The value that holds the numbers of `id` before they were moved: maps share its grid.
model::ValueId grid_owner(const model::Graph& graph, const std::vector<int>& producers, model::ValueId id);

// Values whose grid is asked for when all candidates are in 8 bits, each once.
std::vector<model::ValueId> grid_owners(const model::Graph& graph);

struct Int8Graph {
  model::Graph graph;
  std::vector<model::ValueId> held_by;  // by value of the graph it was made of: the value that stands for it now
};
// int8: by node, candidates alone. grids: of grid_owners(). largest_weight: model::round_weights()'s. The graph is to
// be written in operator set 13 or later.
Int8Graph int8_graph(const model::Graph& graph, const std::vector<bool>& int8,
                     const std::map<model::ValueId, model::Grid>& grids, int largest_weight = model::kLargestWeight);

}  // namespace triage::exporting
