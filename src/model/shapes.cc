// Map: ShapePass (one walk over the nodes with the sizes of the inputs given); infer_shapes and fold_constants compare
// several.
#include "model/shapes.h"

#include <onnx/shape_inference/implementation.h>

#include <algorithm>
#include <unordered_map>

#include "core/error.h"
#include "model/interpreter/interpreter.h"
#include "model/onnx/tensor.h"
#include "model/onnx/write.h"
#include "model/quantized.h"

namespace triage::model {
namespace {

constexpr std::int64_t kMaxKnown = 4096;  // elements of a tensor that shapes may be computed from
// Sizes and padding of what a window slides over: the ONNX project's rules take time in proportion to them.
constexpr std::int64_t kMaxSlid = std::int64_t{1} << 24;

void check_window(const Graph& graph, const Node& node) {
  const bool slides =
      node.op == Op::conv || node.op == Op::fused_conv || node.op == Op::max_pool || node.op == Op::average_pool;
  if (!slides || node.input(0) == kNone) return;
  const auto check = [&](const char* what, std::int64_t size) {
    if (size > kMaxSlid) fail("{}: {}: found {}, expected up to {}", graph.label(node), what, size, kMaxSlid);
  };
  for (const std::int64_t pad : node.integers("pads")) check("pads", pad);
  const auto& shape = graph.value(node.input(0)).shape;
  for (std::size_t i = 0; shape && i < shape->size(); ++i) check("a dimension of its input", (*shape)[i].size);
}

class ShapePass {
 public:
  explicit ShapePass(const Graph& graph) : graph_(graph) {
    versions_.emplace("", graph.opset);
    for (const auto& [domain, version] : graph.domains) versions_.emplace(domain, version);
  }

  void run() {
    for (const Node& node : graph_.nodes) {
      if (compute(node)) continue;
      if (const auto form = quantized_form(graph_, node)) {
        infer(real_node(node, *form), Type::float32);
        Value& output = graph_.value(node.output());
        const ValueId zero = node.input(form->output_zero);
        if (form->output_zero < node.inputs.size() && zero != kNone)
          output.type = graph_.value(zero).type;
        else if (node.op != Op::qgemm)
          output.type = graph_.value(node.input(form->inputs.front().value)).type;
      } else if (node.op == Op::fused_conv || node.op == Op::quick_gelu) {  // ONNX has no rules for them
        Node like = node;
        like.op = node.op == Op::fused_conv ? Op::conv : Op::sigmoid;
        infer(like, std::nullopt);
      } else {
        infer(node, std::nullopt);
      }
    }
  }

  const Graph& graph() const { return graph_; }
  // Null where it depends on an image or is large.
  const Tensor* computed(ValueId id) const {
    const auto found = known_.find(id);
    return found == known_.end() ? nullptr : &found->second;
  }

 private:
  const Tensor* known(ValueId id) {
    if (id == kNone) return nullptr;
    if (const auto found = known_.find(id); found != known_.end()) return &found->second;
    const Value& value = graph_.value(id);
    if (!value.constant || value.constant->size() > kMaxKnown || bits_of(value.type) < 8) return nullptr;
    return &known_.emplace(id, to_tensor(*value.constant)).first->second;
  }

  void set_known(ValueId id, Tensor tensor) {
    Value& value = graph_.value(id);
    value.type = tensor.type;
    value.shape = Shape{};
    for (const std::int64_t size : tensor.dims) value.shape->push_back({size, {}});
    if (tensor.size() <= kMaxKnown) known_.insert_or_assign(id, std::move(tensor));
  }

  // True where the node's outputs do not depend on an image.
  bool compute(const Node& node) {
    // Weights in integers stay integers: engines take their DequantizeLinear together with its reader.
    if (node.op == Op::opaque || node.op == Op::dequantize) return false;
    if (node.op == Op::shape) {
      const auto& shape = graph_.value(node.input(0)).shape;
      if (!shape || !fixed(*shape)) return false;
      Tensor sizes{Type::int64, {}, {}};
      const auto rank = static_cast<std::int64_t>(shape->size());
      const auto place = [rank](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
      const std::int64_t end = node.attributes.contains("end") ? place(node.integer("end")) : rank;
      for (std::int64_t i = place(node.integer("start")); i < end; ++i)
        sizes.values.push_back(static_cast<double>((*shape)[static_cast<std::size_t>(i)].size));
      sizes.dims = {sizes.size()};
      set_known(node.output(), std::move(sizes));
      return true;
    }
    std::vector<const Tensor*> inputs;
    for (const ValueId id : node.inputs) {
      inputs.push_back(known(id));
      if (id != kNone && inputs.back() == nullptr) return false;
    }
    std::vector<Tensor> outputs = evaluate(graph_, node, inputs);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != kNone) set_known(node.outputs[i], std::move(outputs[i]));
    }
    return true;
  }

  // libonnx reads the first two dimensions of a convolution's weights without looking whether they are there.
  void check_weights(const Node& node, const std::string& op) const {
    if (op != "Conv" && op != "ConvTranspose" && op != "ConvInteger" && op != "QLinearConv") return;
    const ValueId weights = node.input(op == "QLinearConv" ? 3 : 1);
    if (weights == kNone) return;
    const auto& shape = graph_.value(weights).shape;
    if (shape && shape->size() < 3)
      fail("{}: weights: found {}, expected three dimensions at least", graph_.label(node), to_string(*shape));
  }

  // The node alone in a graph of the ONNX project. type: of its inputs where those here are integers that mean more.
  void infer(const Node& node, std::optional<Type> type) {
    check_window(graph_, node);
    onnx::GraphProto one;
    *one.add_node() = node_to_onnx(graph_, node, graph_.opset);
    check_weights(node, one.node(0).op_type());
    std::vector<ValueId> inputs = node.inputs;
    inputs.insert(inputs.end(), node.captures.begin(), node.captures.end());
    std::ranges::sort(inputs);
    inputs.erase(std::ranges::unique(inputs).begin(), inputs.end());
    // The rules take it for a mistake where a type is not known.
    const auto typed = [&](ValueId id) { return id == kNone || graph_.value(id).type != Type::undefined; };
    if (!std::ranges::all_of(inputs, typed)) return;
    for (const ValueId id : inputs) {
      if (id == kNone) continue;
      const Value& value = graph_.value(id);
      auto& info = *one.add_input();
      info.set_name(value.name);
      *info.mutable_type() = type_to_onnx(type.value_or(value.type), value.shape);
      const Tensor* numbers = integral(value.type) && !type ? known(id) : nullptr;
      if (numbers != nullptr) tensor_to_onnx(to_data(*numbers), value.name, *one.add_initializer());
    }
    try {
      onnx::shape_inference::InferShapes(&one, versions_, onnx::OpSchemaRegistry::Instance(), {false, 1, true});
    } catch (const std::exception& error) {
      fail("{}: its shapes: {}", graph_.label(node), error.what());
    }
    for (const auto& info : one.value_info()) take(node, info);
  }

  void take(const Node& node, const onnx::ValueInfoProto& info) {
    for (const ValueId id : node.outputs) {
      if (id == kNone || graph_.value(id).name != info.name() || !info.type().has_tensor_type()) continue;
      Value& value = graph_.value(id);
      const auto& tensor = info.type().tensor_type();
      if (tensor.elem_type() != 0) value.type = static_cast<Type>(tensor.elem_type());
      if (!tensor.has_shape()) continue;
      Shape shape;
      for (const auto& dimension : tensor.shape().dim())
        shape.push_back({dimension.has_dim_value() ? dimension.dim_value() : -1, dimension.dim_param()});
      const auto& said = value.shape;  // by the file
      for (std::size_t i = 0; said && said->size() == shape.size() && i < shape.size(); ++i) {
        if (!shape[i].fixed()) shape[i] = (*said)[i];
      }
      value.shape = std::move(shape);
    }
  }

  Graph graph_;
  std::unordered_map<std::string, int> versions_;
  std::unordered_map<ValueId, Tensor> known_;
};

void set_batch(Graph& graph, const std::vector<ValueId>& free, std::int64_t batch) {
  for (const ValueId id : free) graph.value(id).shape->front() = {batch, {}};
}

// What is said in the file about other values may name the free dimension: it is known only by its name.
void forget_computed(Graph& graph) {
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.outputs) {
      if (id == kNone || node.op == Op::opaque) continue;
      graph.value(id).shape.reset();
    }
  }
}

bool same_in_all(const std::vector<ShapePass>& passes, ValueId id) {
  const Tensor* first = passes.front().computed(id);
  return std::ranges::all_of(passes, [&](const ShapePass& pass) {
    const Tensor* other = pass.computed(id);
    return first != nullptr && other != nullptr && first->dims == other->dims && first->values == other->values;
  });
}

// Sizes that a Reshape is given, where one alone follows the batch: -1.
std::optional<TensorData> fixed_sizes(const std::vector<ShapePass>& passes, ValueId id) {
  const Tensor* first = passes.front().computed(id);
  if (first == nullptr || first->dims.size() != 1) return std::nullopt;
  std::vector<std::int64_t> sizes(first->values.begin(), first->values.end());
  int open = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    for (const ShapePass& pass : passes) {
      const Tensor* other = pass.computed(id);
      if (other == nullptr || other->dims != first->dims) return std::nullopt;
      if (other->values[i] != first->values[i]) sizes[i] = -1;
    }
    open += sizes[i] == -1 ? 1 : 0;
  }
  if (open > 1) return std::nullopt;
  return integer_data({static_cast<std::int64_t>(sizes.size())}, sizes);
}

std::vector<ValueId> free_inputs(const Graph& graph) {
  std::vector<ValueId> free;
  for (const ValueId id : graph.inputs) {
    const auto& shape = graph.value(id).shape;
    if (shape && !shape->empty() && !shape->front().fixed()) free.push_back(id);
  }
  return free;
}

}  // namespace

void infer_shapes(Graph& graph) {
  forget_computed(graph);
  const std::vector<ValueId> free = free_inputs(graph);
  if (free.empty()) {
    ShapePass pass(graph);
    pass.run();
    graph = pass.graph();
    return;
  }
  // Two sizes that no dimension is likely to be a multiple of by chance.
  constexpr std::int64_t kFirst = 1, kSecond = 3;
  const std::string name = graph.value(free.front()).shape->front().name;
  Graph one = graph, other = graph;
  set_batch(one, free, kFirst);
  set_batch(other, free, kSecond);
  ShapePass first(one), second(other);
  first.run();
  second.run();
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    Value& value = graph.values[i];
    const Value &a = first.graph().values[i], &b = second.graph().values[i];
    if (value.constant || std::ranges::find(free, static_cast<ValueId>(i)) != free.end()) continue;
    value.type = a.type;
    if (!a.shape || !b.shape || a.shape->size() != b.shape->size()) continue;
    value.shape = *a.shape;
    for (std::size_t d = 0; d < a.shape->size(); ++d) {
      const std::int64_t at_first = (*a.shape)[d].size, at_second = (*b.shape)[d].size;
      if (at_first == at_second) continue;
      (*value.shape)[d] = {-1, at_first == kFirst && at_second == kSecond ? name : std::string()};
    }
  }
}

void fold_constants(Graph& graph) {
  const std::vector<ValueId> free = free_inputs(graph);
  std::vector<ShapePass> passes;
  for (const std::int64_t batch : {1, 3, 8}) {
    Graph sized = graph;
    forget_computed(sized);
    set_batch(sized, free, batch);
    passes.emplace_back(sized).run();
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    if (node.op == Op::reshape && !graph.constant(node.input(1))) {
      if (auto sizes = fixed_sizes(passes, node.input(1)))
        node.inputs[1] = graph.add_constant(graph.value(node.output()).name + "/sizes", std::move(*sizes));
    }
    const bool all = std::ranges::all_of(
        node.outputs, [&](ValueId id) { return id == kNone || (!graph.is_output(id) && same_in_all(passes, id)); });
    if (node.op == Op::opaque || !all) continue;
    for (const ValueId id : node.outputs) {
      if (id != kNone) graph.value(id).constant = to_data(*passes.front().computed(id));
    }
  }
  std::erase_if(graph.nodes, [&](const Node& node) {
    return std::ranges::all_of(node.outputs, [&](ValueId id) { return id == kNone || graph.constant(id); });
  });
  graph.remove_unused();
}

void fix_batch(Graph& graph, std::int64_t batch) {
  set_batch(graph, free_inputs(graph), batch);
  infer_shapes(graph);
}

}  // namespace triage::model
