// Operators on integers and the operator on real numbers that they stand for: QLinearConv is a convolution of what its
// integers mean, rounded to the integers of its output.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "model/graph.h"

namespace triage::model {

struct QuantizedOperand {  // places in Node::inputs
  std::size_t value = 0, scale = 0, zero = 0;
  std::optional<int> axis;  // of the scales where there is more than one
};

struct QuantizedForm {
  Op real = Op::opaque;                  // the operator on real numbers
  std::vector<QuantizedOperand> inputs;  // in its order
  std::optional<std::size_t> bias;       // an input of int32 in units of the first two scales; the third of `real`
  std::size_t output_scale = 0, output_zero = 0;
};
// None: the operator reads and gives what it says.
std::optional<QuantizedForm> quantized_form(const Graph& graph, const Node& node);

// The operator on real numbers as a node with the inputs' values; its output is that of `node`.
Node real_node(const Node& node, const QuantizedForm& form);

// Sets Value::quantization wherever the scale and the zero point are constants.
void note_quantization(Graph& graph);

}  // namespace triage::model
