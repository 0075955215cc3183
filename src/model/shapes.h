// Types and shapes of a graph's values: by the rules of the ONNX project for each operator (onnx::shape_inference),
// node by node, where numbers that are known before an image comes (those that shapes are computed from) are computed.
#pragma once

#include <cstdint>

#include "model/graph.h"

namespace triage::model {

// Where the first dimension of inputs is free, what follows from it stays free and everything else becomes fixed: the
// graph is looked at with two sizes of it. What the file says is kept where nothing is known. Throws Error naming the
// node whose inputs contradict each other.
void infer_shapes(Graph& graph);

// The first dimension of each input, where it is free, set to `batch`, and shapes inferred. Where the shape of an
// output is still not known, the graph has nodes that only running it tells.
void fix_batch(Graph& graph, std::int64_t batch);

// What is the same for every image becomes constants: what is computed from constants, and what is computed from
// shapes, as PyTorch's exporter writes it; not what constants in integers mean (DequantizeLinear). A Reshape to sizes
// of which one follows the free batch gets -1 in its place. For a graph with a free batch that is looked at with three
// sizes of it. Shapes stay as they are.
void fold_constants(Graph& graph);

}  // namespace triage::model
