#include "model/interpreter/interpreter.h"

#include <algorithm>
#include <unordered_map>

#include "model/interpreter/ops.h"
#include "model/quantized.h"

namespace triage::model {
namespace {

Tensor one_output(const Call& call) {
  switch (call.node.op) {
    case Op::conv:
    case Op::fused_conv:
      return convolve(call);
    case Op::gemm:
      return gemm(call);
    case Op::matmul:
      return matmul(call);
    case Op::max_pool:
    case Op::average_pool:
    case Op::global_max_pool:
    case Op::global_average_pool:
      return pool(call);
    case Op::reduce_mean:
    case Op::reduce_sum:
    case Op::reduce_max:
    case Op::reduce_min:
      return reduce(call);
    case Op::relu:
    case Op::leaky_relu:
    case Op::elu:
    case Op::clip:
    case Op::sigmoid:
    case Op::hard_sigmoid:
    case Op::hard_swish:
    case Op::tanh:
    case Op::softplus:
    case Op::gelu:
    case Op::quick_gelu:
    case Op::sqrt:
    case Op::exp:
    case Op::log:
    case Op::erf:
    case Op::neg:
    case Op::abs:
    case Op::reciprocal:
    case Op::floor:
    case Op::ceil:
    case Op::cast:
    case Op::identity:
      return unary(call);
    case Op::prelu:
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::div:
    case Op::pow:
    case Op::max:
    case Op::min:
    case Op::sum:
    case Op::equal:
      return binary(call);
    case Op::where:
      return where(call);
    case Op::softmax:
    case Op::log_softmax:
      return softmax(call);
    case Op::batch_norm:
    case Op::layer_norm:
    case Op::instance_norm:
    case Op::lrn:
      return normalize(call);
    case Op::concat:
    case Op::reshape:
    case Op::flatten:
    case Op::transpose:
    case Op::squeeze:
    case Op::unsqueeze:
    case Op::slice:
    case Op::gather:
    case Op::pad:
    case Op::expand:
    case Op::shape:
      return layout(call);
    case Op::resize:
      return resize(call);
    case Op::quantize:
      return quantize(call);
    case Op::dequantize:
      return dequantize(call);
    default:
      return quantized_operator(call);
  }
}

const Tensor& checked_input(const Graph& graph, const Value& value, const NamedTensors& inputs) {
  const auto found = inputs.find(value.name);
  if (found == inputs.end()) fail("{}: input '{}': found none, expected one", graph.origin, value.name);
  const Tensor& tensor = found->second;
  if (tensor.type != value.type)
    fail("{}: input '{}': found {}, expected {}", graph.origin, value.name, to_string(tensor.type),
         to_string(value.type));
  Shape shape;
  for (const std::int64_t size : tensor.dims) shape.push_back({size, {}});
  bool fits = elements(tensor.dims) == tensor.size();
  if (value.shape) {
    fits = fits && std::ranges::equal(shape, *value.shape, [](const Dimension& found_size, const Dimension& expected) {
             return !expected.fixed() || found_size.size == expected.size;
           });
  }
  if (!fits)
    fail("{}: input '{}': found {} values of shape {}, expected {}", graph.origin, value.name, tensor.size(),
         to_string(shape), to_string(value.shape.value_or(shape)));
  return tensor;
}

}  // namespace

std::vector<std::int64_t> Call::integers(std::size_t i) const {
  std::vector<std::int64_t> values;
  if (!has(i)) return values;
  for (const double value : in(i).values) {
    // INT64_MAX is "to the end" of a slice and no double.
    const double bound = 0x1.0p62;
    values.push_back(static_cast<std::int64_t>(std::clamp(value, -bound, bound)));
  }
  return values;
}

std::size_t Call::axis(std::int64_t value, std::size_t rank) const {
  const auto size = static_cast<std::int64_t>(rank);
  if (value < -size || value >= size) refuse("axis: found {}, expected one of {} dimensions", value, rank);
  return static_cast<std::size_t>(value < 0 ? value + size : value);
}

Tensor zeros(Type type, Dims dims) {
  constexpr std::int64_t kMost = std::int64_t{1} << 28;  // 2 GB
  std::int64_t count = 1;
  for (const std::int64_t size : dims) {
    if (size < 0 || (size > 0 && count > kMost / size))
      fail("model: found a dimension of {}, expected tensors of {} numbers at most", size, kMost);
    count *= size;
  }
  Tensor tensor{type, std::move(dims), {}};
  tensor.values.assign(static_cast<std::size_t>(count), 0.0);
  return tensor;
}

std::vector<std::int64_t> strides_of(const Dims& dims) {
  std::vector<std::int64_t> strides(dims.size(), 1);
  for (std::size_t d = dims.size(); d-- > 1;) strides[d - 1] = strides[d] * dims[d];
  return strides;
}

std::vector<Tensor> evaluate(const Graph& graph, const Node& node, std::span<const Tensor* const> inputs) {
  const Call call{graph, node, inputs};
  if (node.op == Op::opaque) call.refuse("cannot be interpreted: the operator or one of its attributes is not known");
  std::vector<Tensor> outputs;
  if (node.op == Op::split)
    outputs = split(call);
  else
    outputs.push_back(one_output(call));
  for (Tensor& tensor : outputs) {
    for (double& value : tensor.values) value = rounded_to(tensor.type, value);
  }
  return outputs;
}

NamedTensors interpret(const Graph& graph, const NamedTensors& inputs, const Visit& visit) {
  std::vector<std::size_t> last(graph.values.size(), 0);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const ValueId id : graph.nodes[i].inputs) {
      if (id != kNone) last[static_cast<std::size_t>(id)] = i;
    }
  }
  for (const ValueId id : graph.outputs) last[static_cast<std::size_t>(id)] = graph.nodes.size();

  std::unordered_map<ValueId, Tensor> values;
  for (const ValueId id : graph.inputs) values[id] = checked_input(graph, graph.value(id), inputs);
  const auto find = [&](ValueId id) -> const Tensor* {
    if (id == kNone) return nullptr;
    if (const auto found = values.find(id); found != values.end()) return &found->second;
    return &values.emplace(id, to_tensor(graph.data(id))).first->second;
  };
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    std::vector<const Tensor*> read;
    for (const ValueId id : node.inputs) find(id);  // constants first: what follows are addresses
    for (const ValueId id : node.inputs) read.push_back(find(id));
    std::vector<Tensor> made = evaluate(graph, node, read);
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      if (node.outputs[k] == kNone) continue;
      if (visit) visit(graph.value(node.outputs[k]), made[k]);
      values[node.outputs[k]] = std::move(made[k]);
    }
    for (const ValueId id : node.inputs) {
      if (id != kNone && last[static_cast<std::size_t>(id)] == i) values.erase(id);
    }
  }
  NamedTensors outputs;
  for (const ValueId id : graph.outputs) outputs[graph.value(id).name] = *find(id);
  return outputs;
}

}  // namespace triage::model
