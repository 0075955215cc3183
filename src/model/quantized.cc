#include "model/quantized.h"

#include <algorithm>

namespace triage::model {
namespace {

int rank_of(const Graph& graph, ValueId id) {
  if (id == kNone || !graph.value(id).shape) return 2;
  return static_cast<int>(graph.value(id).shape->size());
}

void note(Graph& graph, ValueId id, ValueId scale, ValueId zero, std::optional<int> axis) {
  if (id == kNone || !graph.constant(scale) || (zero != kNone && !graph.constant(zero))) return;
  Value& value = graph.value(id);
  if (value.quantization) return;
  Quantization found{graph.data(scale).floats(), {}, std::nullopt};
  found.zero.assign(found.scale.size(), 0);
  if (zero != kNone && integral(graph.value(zero).type)) {
    const auto zeros = graph.data(zero).integers();
    if (zeros.size() != found.scale.size()) return;
    found.zero = zeros;
  }
  if (graph.data(scale).dims.size() == 1 && found.scale.size() > 1) {
    found.axis = axis;
    if (found.axis && *found.axis < 0) *found.axis += rank_of(graph, id);
  }
  value.quantization = found;
}

}  // namespace

std::optional<QuantizedForm> quantized_form(const Graph& graph, const Node& node) {
  const auto two = [](Op real, std::optional<int> axis) {
    return QuantizedForm{real, {{0, 1, 2, {}}, {3, 4, 5, axis}}, std::nullopt, 6, 7};
  };
  const auto one = [](Op real) { return QuantizedForm{real, {{0, 1, 2, {}}}, std::nullopt, 3, 4}; };
  switch (node.op) {
    case Op::qlinear_conv: {
      QuantizedForm form = two(Op::conv, 0);
      form.bias = 8;
      return form;
    }
    case Op::qlinear_matmul:
      return two(Op::matmul, rank_of(graph, node.input(3)) - 1);
    case Op::qlinear_add:
      return two(Op::add, std::nullopt);
    case Op::qlinear_mul:
      return two(Op::mul, std::nullopt);
    case Op::qlinear_sigmoid:
      return one(Op::sigmoid);
    case Op::qlinear_leaky_relu:
      return one(Op::leaky_relu);
    case Op::qlinear_average_pool:
      return one(Op::average_pool);
    case Op::qlinear_global_average_pool:
      return one(Op::global_average_pool);
    case Op::qlinear_concat: {
      QuantizedForm form{Op::concat, {}, std::nullopt, 0, 1};
      for (std::size_t i = 2; i + 2 < node.inputs.size(); i += 3) form.inputs.push_back({i, i + 1, i + 2, {}});
      return form;
    }
    case Op::qgemm:
      return QuantizedForm{Op::gemm, {{0, 1, 2, {}}, {3, 4, 5, node.integer("transB") != 0 ? 0 : 1}}, 6, 7, 8};
    default:
      return std::nullopt;
  }
}

Node real_node(const Node& node, const QuantizedForm& form) {
  Node real = node;
  real.op = form.real;
  real.inputs.clear();
  for (const QuantizedOperand& operand : form.inputs) real.inputs.push_back(node.input(operand.value));
  if (form.bias && node.input(*form.bias) != kNone) real.inputs.push_back(node.input(*form.bias));
  for (const AttributeSpec& attribute : spec_of(form.real).attributes) {
    if (attribute.value) real.attributes.try_emplace(std::string(attribute.name), *attribute.value);
  }
  return real;
}

void note_quantization(Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (node.op == Op::quantize) {
      note(graph, node.output(), node.input(1), node.input(2), static_cast<int>(node.integer("axis")));
    } else if (node.op == Op::dequantize) {
      note(graph, node.input(0), node.input(1), node.input(2), static_cast<int>(node.integer("axis")));
    } else if (const auto form = quantized_form(graph, node)) {
      for (const QuantizedOperand& operand : form->inputs)
        note(graph, node.input(operand.value), node.input(operand.scale), node.input(operand.zero), operand.axis);
      note(graph, node.output(), node.input(form->output_scale), node.input(form->output_zero), std::nullopt);
    }
  }
}

}  // namespace triage::model
