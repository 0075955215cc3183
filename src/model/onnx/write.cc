#include "model/onnx/write.h"

#include <onnx/defs/schema.h>

#include <algorithm>

#include "core/error.h"
#include "model/onnx/tensor.h"

namespace triage::model {
namespace {

constexpr int kMinIrVersion = 4;  // the first whose constants need not be inputs as well

std::string value_name(const Graph& graph, ValueId id) { return id == kNone ? std::string() : graph.value(id).name; }

void set_attribute(onnx::NodeProto& node, std::string_view name, const Attribute& value) {
  onnx::AttributeProto& to = *node.add_attribute();
  to.set_name(std::string(name));
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    to.set_type(onnx::AttributeProto::INT);
    to.set_i(*integer);
  } else if (const auto* real = std::get_if<float>(&value)) {
    to.set_type(onnx::AttributeProto::FLOAT);
    to.set_f(*real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    to.set_type(onnx::AttributeProto::STRING);
    to.set_s(*text);
  } else if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&value)) {
    to.set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t one : *integers) to.add_ints(one);
  } else if (const auto* reals = std::get_if<std::vector<float>>(&value)) {
    to.set_type(onnx::AttributeProto::FLOATS);
    for (const float one : *reals) to.add_floats(one);
  } else {
    to.set_type(onnx::AttributeProto::STRINGS);
    for (const std::string& one : std::get<std::vector<std::string>>(value)) to.add_strings(one);
  }
}

void check_opaque(const Graph& graph, const Node& node, int opset) {
  const std::string& domain = node.onnx->domain();
  if (opset == graph.opset || !(domain.empty() || domain == "ai.onnx")) return;
  const auto* then = onnx::OpSchemaRegistry::Schema(node.onnx->op_type(), graph.opset, "");
  const auto* now = onnx::OpSchemaRegistry::Schema(node.onnx->op_type(), opset, "");
  if (then == nullptr || now == nullptr || then->since_version() != now->since_version())
    fail("{}: its form of operator set {} may mean something else in set {}", graph.label(node), graph.opset, opset);
  for (const auto& attribute : node.onnx->attribute()) {
    if (attribute.has_g() || attribute.graphs_size() > 0)
      fail("{}: found a subgraph of operator set {}, expected none where set {} is written", graph.label(node),
           graph.opset, opset);
  }
}

// Attributes that the operator set does not have yet are left out where they say what is meant anyway.
void write_attributes(const Graph& graph, const Node& node, int opset, bool defaults, onnx::NodeProto& to) {
  const bool moved = node.op == Op::softmax || node.op == Op::log_softmax;  // another default before set 13
  for (const AttributeSpec& spec : spec_of(node.op).attributes) {
    const auto found = node.attributes.find(spec.name);
    if (found == node.attributes.end()) continue;
    if (spec.name == "flattened") {
      if ((std::get<std::int64_t>(found->second) != 0) != (opset < 13))
        fail("{}: dimensions from the axis on are one until operator set 12, expected to write one like it, found {}",
             graph.label(node), opset);
      continue;
    }
    if (spec.since > opset) {
      if (spec.value && found->second == *spec.value) continue;
      fail("{}: attribute {}: found in a model of operator set {}, expected {} or later", graph.label(node), spec.name,
           opset, spec.since);
    }
    if (spec.value && spec.holds_default_only) continue;
    if (!defaults && !moved && spec.value && found->second == *spec.value) continue;
    set_attribute(to, spec.name, found->second);
  }
}

Attribute former_value(const Graph& graph, const Node& node, const FormerAttribute& former, ValueId id) {
  if (!graph.constant(id))
    fail("{}: input {}: found a value that is computed, expected a constant before operator set {}", graph.label(node),
         former.name, former.since);
  const TensorData& data = graph.data(id);
  if (former.op == Op::clip || former.name == "value") return data.floats().at(0);
  return data.integers();
}

onnx::ValueInfoProto info_of(const Value& value) {
  onnx::ValueInfoProto info;
  info.set_name(value.name);
  *info.mutable_type() = type_to_onnx(value.type, value.shape);
  return info;
}

}  // namespace

onnx::TypeProto type_to_onnx(Type type, const std::optional<Shape>& shape) {
  onnx::TypeProto to;
  auto& tensor = *to.mutable_tensor_type();
  tensor.set_elem_type(static_cast<int>(type));
  if (!shape) return to;
  auto& dimensions = *tensor.mutable_shape();
  for (const Dimension& dimension : *shape) {
    auto& one = *dimensions.add_dim();
    if (dimension.fixed())
      one.set_dim_value(dimension.size);
    else if (!dimension.name.empty())
      one.set_dim_param(dimension.name);
  }
  return to;
}

onnx::NodeProto node_to_onnx(const Graph& graph, const Node& node, int opset, bool defaults) {
  onnx::NodeProto to;
  if (node.op == Op::opaque) {
    check_opaque(graph, node, opset);
    to = *node.onnx;
    to.clear_input();
    to.clear_output();
  } else {
    const OpSpec& spec = spec_of(node.op);
    to.set_op_type(std::string(spec.name));
    if (!spec.domain.empty()) to.set_domain(std::string(spec.domain));
    to.set_name(node.name);
    write_attributes(graph, node, opset, defaults, to);
    if (node.op == Op::split && opset >= 18 && node.input(1) == kNone)
      set_attribute(to, "num_outputs", static_cast<std::int64_t>(node.outputs.size()));
  }
  std::vector<ValueId> inputs = node.inputs;
  for (const FormerAttribute& former : former_attributes()) {
    if (former.op != node.op || opset >= former.since || node.input(former.input) == kNone) continue;
    set_attribute(to, former.name, former_value(graph, node, former, inputs[former.input]));
    inputs[former.input] = kNone;
  }
  while (!inputs.empty() && inputs.back() == kNone) inputs.pop_back();
  for (const ValueId id : inputs) to.add_input(value_name(graph, id));
  for (const ValueId id : node.outputs) to.add_output(value_name(graph, id));
  return to;
}

onnx::ModelProto to_onnx(const Graph& graph, const WriteOptions& options) {
  const int opset = options.opset.value_or(graph.opset);
  if (opset < graph.opset)
    fail("{}: to be written in operator set {}, expected {} or later", graph.origin, opset, graph.opset);
  onnx::ModelProto model;
  model.set_ir_version(std::max(graph.ir_version, kMinIrVersion));
  model.set_producer_name("triage");
  const auto import = [&](const std::string& domain, int version) {
    auto& to = *model.add_opset_import();
    to.set_domain(domain);
    to.set_version(version);
  };
  import("", opset);
  for (const auto& [domain, version] : graph.domains) import(domain, version);
  const bool microsoft = std::ranges::any_of(
      graph.nodes, [](const Node& node) { return node.op != Op::opaque && spec_of(node.op).domain == kMicrosoft; });
  if (microsoft && !graph.domains.contains(std::string(kMicrosoft))) import(std::string(kMicrosoft), 1);
  for (const auto& [key, value] : graph.metadata) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  onnx::GraphProto& to = *model.mutable_graph();
  to.set_name(graph.name.empty() ? "graph" : graph.name);
  for (const ValueId id : graph.inputs) *to.add_input() = info_of(graph.value(id));
  for (const ValueId id : graph.outputs) *to.add_output() = info_of(graph.value(id));
  for (const Value& value : graph.values) {
    if (value.constant) tensor_to_onnx(*value.constant, value.name, *to.add_initializer());
  }
  for (const Node& node : graph.nodes) *to.add_node() = node_to_onnx(graph, node, opset, options.defaults);
  return model;
}

std::string to_onnx_bytes(const Graph& graph, const WriteOptions& options) {
  std::string bytes;
  if (!to_onnx(graph, options).SerializeToString(&bytes))
    fail("{}: the model cannot be serialised (2 GB is the limit)", graph.origin);
  return bytes;
}

void write_onnx(const fs::path& file, const Graph& graph, const WriteOptions& options) {
  write_file_atomic(file, to_onnx_bytes(graph, options));
}

}  // namespace triage::model
