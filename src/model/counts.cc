#include "model/counts.h"

#include <algorithm>
#include <optional>
#include <set>

#include "model/quantized.h"
#include "model/shapes.h"

namespace triage::model {
namespace {

// Null where it is not known.
const Shape* known_shape(const Graph& graph, ValueId id) {
  if (id == kNone) return nullptr;
  const auto& shape = graph.value(id).shape;
  return shape && fixed(*shape) && !shape->empty() ? &*shape : nullptr;
}

bool product(Op op) { return op == Op::conv || op == Op::fused_conv || op == Op::gemm || op == Op::matmul; }

// Of an operator on real numbers; none where its sizes are not known.
std::optional<std::int64_t> macs_of(const Graph& graph, const Node& node) {
  const bool conv = node.op == Op::conv || node.op == Op::fused_conv;
  const Shape *output = known_shape(graph, node.output()), *read = known_shape(graph, node.input(conv ? 1 : 0));
  if (output == nullptr || read == nullptr) return std::nullopt;
  if (conv) return elements(*output) * elements(*read) / std::max<std::int64_t>(1, read->front().size);
  const bool turned = node.op == Op::gemm && node.integer("transA") != 0;
  return elements(*output) * (turned ? read->front() : read->back()).size;
}

std::int64_t bytes_of(const Value& value) {
  if (!value.shape || !fixed(*value.shape)) return 0;
  return (elements(*value.shape) * bits_of(value.type) + 7) / 8;
}

std::int64_t peak_bytes(const Graph& graph) {
  std::vector<std::size_t> last(graph.values.size(), 0);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const auto* ids : {&graph.nodes[i].inputs, &graph.nodes[i].captures, &graph.nodes[i].outputs}) {
      for (const ValueId id : *ids) {
        if (id != kNone) last[static_cast<std::size_t>(id)] = i;
      }
    }
  }
  for (const ValueId id : graph.outputs) last[static_cast<std::size_t>(id)] = graph.nodes.size();
  std::int64_t alive = 0;
  for (const ValueId id : graph.inputs) alive += bytes_of(graph.value(id));
  std::int64_t peak = alive;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    for (const ValueId id : node.outputs) {
      if (id != kNone) alive += bytes_of(graph.value(id));
    }
    peak = std::max(peak, alive);
    std::set<ValueId> gone(node.inputs.begin(), node.inputs.end());
    gone.insert(node.captures.begin(), node.captures.end());
    gone.insert(node.outputs.begin(), node.outputs.end());
    for (const ValueId id : gone) {
      if (id != kNone && !graph.constant(id) && last[static_cast<std::size_t>(id)] == i)
        alive -= bytes_of(graph.value(id));
    }
  }
  return peak;
}

struct Scales {
  std::set<ValueId> all;         // inputs of a node that only say how it is done: scales, zero points
  std::set<ValueId> of_weights;  // scales of constants of 8 bits
};
Scales scales_of(const Graph& graph) {
  Scales scales;
  const auto note = [&](ValueId value, ValueId scale, ValueId zero) {
    scales.all.insert({scale, zero});
    if (graph.constant(value) && bits_of(graph.value(value).type) == 8) scales.of_weights.insert(scale);
  };
  for (const Node& node : graph.nodes) {
    if (node.op == Op::quantize || node.op == Op::dequantize) {
      note(node.input(0), node.input(1), node.input(2));
    } else if (const auto form = quantized_form(graph, node)) {
      for (const QuantizedOperand& operand : form->inputs)
        note(node.input(operand.value), node.input(operand.scale), node.input(operand.zero));
      scales.all.insert({node.input(form->output_scale), node.input(form->output_zero)});
    }
  }
  return scales;
}

// Constants that an input is normalised by before anything else is done with it.
std::set<ValueId> normalisation_of(const Graph& graph) {
  std::set<ValueId> images(graph.inputs.begin(), graph.inputs.end()), constants;
  for (const Node& node : graph.nodes) {
    const bool arithmetic = node.op == Op::sub || node.op == Op::add || node.op == Op::mul || node.op == Op::div;
    if (!arithmetic && node.op != Op::identity && node.op != Op::cast) continue;
    const auto known = [&](ValueId id) { return images.contains(id) || graph.constant(id); };
    if (!std::ranges::all_of(node.inputs, known)) continue;
    images.insert(node.output());
    for (const ValueId id : node.inputs)
      if (graph.constant(id)) constants.insert(id);
  }
  return constants;
}

void count_constants(const Graph& graph, Counts& counts) {
  const auto readers = graph.readers();
  const Scales scales = scales_of(graph);
  const std::set<ValueId> normalisation = normalisation_of(graph);
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    const auto id = static_cast<ValueId>(i);
    if (!value.constant || readers[i].empty() || normalisation.contains(id)) continue;
    const auto bytes = static_cast<std::int64_t>(value.constant->bytes->size());
    if (scales.of_weights.contains(id)) counts.weight_bytes += bytes;
    const bool real = value.type == Type::float32 || value.type == Type::float16 || value.type == Type::bfloat16 ||
                      value.type == Type::float64;
    const bool bias = value.type == Type::int32 && value.constant->size() > 1;  // of a product in integers
    const bool weight = real || value.quantization || bias || value.type == Type::int8;
    if (!weight || value.constant->size() <= 1 || scales.all.contains(id)) continue;
    counts.parameters += value.constant->size();
    counts.weight_bytes += bytes;
  }
}

std::int64_t batch_of(const Graph& graph) {
  if (graph.inputs.empty()) return 1;
  const auto& shape = graph.value(graph.inputs.front()).shape;
  return shape && !shape->empty() && shape->front().fixed() ? std::max<std::int64_t>(1, shape->front().size) : 1;
}

}  // namespace

Counts count(const Graph& graph) {
  Graph fixed_graph = graph;
  const std::int64_t batch = batch_of(graph);
  fix_batch(fixed_graph, 1);
  Counts counts;
  for (const Node& node : fixed_graph.nodes) {
    const auto form = quantized_form(fixed_graph, node);
    const Node real = form ? real_node(node, *form) : node;
    const auto macs = product(real.op) ? macs_of(fixed_graph, real) : std::optional<std::int64_t>(0);
    if (node.op == Op::opaque || !macs) {
      counts.not_counted.push_back(fixed_graph.label(node));
      continue;
    }
    counts.macs += *macs / batch;
    if (*macs > 0) counts.nodes.push_back({node.name, std::string(to_string(node.op)), *macs / batch});
  }
  count_constants(fixed_graph, counts);
  counts.peak_activation_bytes = peak_bytes(fixed_graph) / batch;
  return counts;
}

}  // namespace triage::model
