#include "exporting/imported/normal_form.h"

#include <algorithm>
#include <cmath>

#include "model/shapes.h"

namespace triage::exporting {
namespace {

using model::Graph;
using model::Node;
using model::Op;
using model::ValueId;

bool all_constant(const Graph& graph, const Node& node, std::size_t first) {
  for (std::size_t i = first; i < node.inputs.size(); ++i) {
    if (!graph.constant(node.inputs[i]) || graph.value(node.inputs[i]).type != model::Type::float32) return false;
  }
  return true;
}

// scale * (conv(x) - mean) / sqrt(variance + epsilon) + shift: a convolution with other weights and bias.
void fold_batch_norm(Graph& graph, Node& conv, const Node& norm) {
  const auto scale = graph.data(norm.input(1)).numbers(), shift = graph.data(norm.input(2)).numbers(),
             mean = graph.data(norm.input(3)).numbers(), variance = graph.data(norm.input(4)).numbers();
  const model::TensorData& weight = graph.data(conv.input(1));
  std::vector<double> numbers = weight.numbers();
  std::vector<double> bias =
      conv.input(2) == model::kNone ? std::vector<double>(scale.size(), 0.0) : graph.data(conv.input(2)).numbers();
  const std::size_t taps = numbers.size() / scale.size();
  for (std::size_t o = 0; o < scale.size(); ++o) {
    const double factor = scale[o] / std::sqrt(variance[o] + norm.real("epsilon"));
    for (std::size_t i = 0; i < taps; ++i) numbers[o * taps + i] *= factor;
    bias[o] = (bias[o] - mean[o]) * factor + shift[o];
  }
  const auto channels = static_cast<std::int64_t>(bias.size());
  const model::TensorData folded = model::to_data({model::Type::float32, weight.dims, numbers});
  const model::TensorData folded_bias = model::to_data({model::Type::float32, {channels}, bias});
  const std::string name = graph.value(conv.output()).name;
  conv.inputs = {conv.inputs[0], graph.add_constant(name + "/weight", folded),
                 graph.add_constant(name + "/bias", folded_bias)};
  conv.outputs = norm.outputs;
}

void fold_batch_norms(Graph& graph) {
  const auto producers = graph.producers();
  const auto readers = graph.readers();
  std::vector<bool> gone(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node norm = graph.nodes[i];
    if (norm.op != Op::batch_norm || !all_constant(graph, norm, 1)) continue;
    const int source = producers[static_cast<std::size_t>(norm.inputs[0])];
    if (source < 0 || graph.nodes[static_cast<std::size_t>(source)].op != Op::conv) continue;
    if (readers[static_cast<std::size_t>(norm.inputs[0])].size() != 1 || graph.is_output(norm.inputs[0])) continue;
    Node& conv = graph.nodes[static_cast<std::size_t>(source)];
    if (!all_constant(graph, conv, 1)) continue;
    fold_batch_norm(graph, conv, norm);
    gone[i] = true;
  }
  std::size_t i = 0;
  std::erase_if(graph.nodes, [&](const Node&) { return gone[i++]; });
}

// [N, C, ...] -> [N, C, 1, ...]
bool mean_of_maps(const Graph& graph, const Node& node) {
  const auto& shape = graph.value(node.input(0)).shape;
  if (node.op != Op::reduce_mean || !shape || shape->size() < 3 || node.integer("keepdims") == 0) return false;
  if (!graph.constant(node.input(1))) return false;
  std::vector<std::int64_t> axes = graph.data(node.input(1)).integers();
  for (std::int64_t& axis : axes) axis += axis < 0 ? static_cast<std::int64_t>(shape->size()) : 0;
  std::ranges::sort(axes);
  std::vector<std::int64_t> all;
  for (std::size_t d = 2; d < shape->size(); ++d) all.push_back(static_cast<std::int64_t>(d));
  return axes == all;
}

void turn_weights(Graph& graph, Node& node) {
  model::Tensor from = model::to_tensor(graph.data(node.input(1)));
  model::Tensor to{from.type, {from.dims[1], from.dims[0]}, from.values};
  for (std::int64_t i = 0; i < from.dims[0]; ++i) {
    for (std::int64_t k = 0; k < from.dims[1]; ++k)
      to.values[static_cast<std::size_t>(k * from.dims[0] + i)] =
          from.values[static_cast<std::size_t>(i * from.dims[1] + k)];
  }
  node.inputs[1] = graph.add_constant(graph.value(node.output()).name + "/weight", model::to_data(to));
  node.attributes["transB"] = std::int64_t{1};
}

}  // namespace

void normalize_graph(Graph& graph) {
  model::fold_constants(graph);
  fold_batch_norms(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    if (mean_of_maps(graph, node)) {
      node.op = Op::global_average_pool;
      node.inputs.resize(1);
      node.attributes.clear();
    } else if (node.op == Op::gemm && node.integer("transB") == 0 && graph.constant(node.input(1)) &&
               graph.value(node.input(1)).type == model::Type::float32) {
      turn_weights(graph, node);
    } else if (node.op == Op::softmax || node.op == Op::log_softmax) {
      const auto& shape = graph.value(node.input(0)).shape;
      const std::int64_t axis = node.integer("axis");
      const bool last = axis == -1 || (shape && axis == static_cast<std::int64_t>(shape->size()) - 1);
      if (last) {
        node.attributes["flattened"] = std::int64_t{0};
        node.attributes["axis"] = std::int64_t{-1};
      }
    }
  }
  graph.remove_unused();
}

}  // namespace triage::exporting
