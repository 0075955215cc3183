// Map: attribute_of (one attribute, none where it is not known), read_known (false: the node becomes opaque),
// read_node (what has no node of its own first).
#include "model/onnx/read_node.h"

#include <onnx/defs/schema.h>

#include <algorithm>
#include <set>

#include "core/error.h"

namespace triage::model {
namespace {

std::string node_name(const ReadState& state, const onnx::NodeProto& proto) {
  const std::string& name = proto.name().empty() && proto.output_size() > 0 ? proto.output(0) : proto.name();
  return std::format("{}: node '{}' ({})", state.graph.origin, name, proto.op_type());
}

const onnx::AttributeProto* find_attribute(const onnx::NodeProto& proto, std::string_view name) {
  for (const auto& attribute : proto.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

std::optional<Attribute> attribute_value(const onnx::AttributeProto& proto) {
  switch (proto.type()) {
    case onnx::AttributeProto::INT:
      return proto.i();
    case onnx::AttributeProto::FLOAT:
      return proto.f();
    case onnx::AttributeProto::STRING:
      return proto.s();
    case onnx::AttributeProto::INTS:
      return std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
    case onnx::AttributeProto::FLOATS:
      return std::vector<float>(proto.floats().begin(), proto.floats().end());
    case onnx::AttributeProto::STRINGS:
      return std::vector<std::string>(proto.strings().begin(), proto.strings().end());
    default:
      return std::nullopt;
  }
}

ValueId look_up(const ReadState& state, const std::string& name, const std::string& where) {
  if (name.empty()) return kNone;
  const auto found = state.names.find(name);
  if (found == state.names.end())
    fail("{}: input '{}': found no value of this name before it, expected one", where, name);
  return found->second;
}

// Names that a graph reads and does not define itself.
void outer_names(const onnx::GraphProto& graph, std::set<std::string> inner, std::set<std::string>& to) {
  for (const auto& input : graph.input()) inner.insert(input.name());
  for (const auto& constant : graph.initializer()) inner.insert(constant.name());
  for (const auto& node : graph.node()) {
    for (const auto& input : node.input()) {
      if (!input.empty() && !inner.contains(input)) to.insert(input);
    }
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) outer_names(attribute.g(), inner, to);
      for (const auto& part : attribute.graphs()) outer_names(part, inner, to);
    }
    for (const auto& output : node.output()) inner.insert(output);
  }
  for (const auto& output : graph.output()) {
    if (!inner.contains(output.name())) to.insert(output.name());
  }
}

std::vector<ValueId> captures_of(const ReadState& state, const onnx::NodeProto& proto) {
  std::set<std::string> names;
  for (const auto& attribute : proto.attribute()) {
    if (attribute.has_g()) outer_names(attribute.g(), {}, names);
    for (const auto& part : attribute.graphs()) outer_names(part, {}, names);
  }
  std::vector<ValueId> ids;
  for (const std::string& name : names) ids.push_back(look_up(state, name, node_name(state, proto)));
  return ids;
}

ValueId constant_input(ReadState& state, const onnx::NodeProto& proto, const FormerAttribute& former,
                       const Attribute& value) {
  const std::string name = (proto.output(0).empty() ? proto.name() : proto.output(0)) + "/" + std::string(former.name);
  TensorData data;
  if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&value))
    data = integer_data({static_cast<std::int64_t>(numbers->size())}, *numbers);
  else if (const auto* number = std::get_if<float>(&value))
    data = float_data({}, std::span(number, 1));
  else
    fail("{}: attribute {}: found another type than expected", node_name(state, proto), former.name);
  return state.graph.add_constant(name, std::move(data));
}

// What changed between operator sets besides places; false where the node's old form is not known.
bool adapt(const ReadState& state, const onnx::NodeProto& proto, Node& node) {
  const int opset = state.graph.opset;
  switch (node.op) {
    case Op::softmax:
    case Op::log_softmax:
      if (opset < 13) {
        if (find_attribute(proto, "axis") == nullptr) node.attributes["axis"] = std::int64_t{1};
        node.attributes["flattened"] = std::int64_t{1};
      }
      return true;
    case Op::resize:
      return opset >= 11;
    case Op::split:
      node.attributes.erase("num_outputs");
      return true;  // the outputs say it
    case Op::concat:
    case Op::qlinear_concat:
      return node.attributes.contains("axis");
    case Op::cast:
      return node.attributes.contains("to");
    case Op::lrn:
      return node.attributes.contains("size");
    default:
      return true;
  }
}

bool read_attributes(const ReadState& state, const onnx::NodeProto& proto, const OpSpec& spec, Node& node) {
  for (const auto& attribute : proto.attribute()) {
    const bool former = std::ranges::any_of(former_attributes(), [&](const FormerAttribute& one) {
      return one.op == spec.op && one.name == attribute.name() && state.graph.opset < one.since;
    });
    if (former) continue;
    const auto known = std::ranges::find(spec.attributes, attribute.name(), &AttributeSpec::name);
    auto value = attribute_value(attribute);
    if (spec.op == Op::batch_norm && attribute.name() == "spatial") {  // set 7 and 8
      if (value != Attribute(std::int64_t{1})) return false;
      continue;
    }
    if (known == spec.attributes.end() || !value) return false;
    if (known->value && value->index() != known->value->index()) return false;
    if (known->holds_default_only && value != known->value) return false;
    node.attributes[attribute.name()] = std::move(*value);
  }
  for (const AttributeSpec& attribute : spec.attributes) {
    if (attribute.value) node.attributes.try_emplace(std::string(attribute.name), *attribute.value);
  }
  return adapt(state, proto, node);
}

bool read_known(ReadState& state, const onnx::NodeProto& proto, Node& node) {
  const bool dropout = proto.domain().empty() && proto.op_type() == "Dropout" && state.graph.opset < 12;
  const OpSpec* spec = dropout ? &spec_of(Op::identity) : find_op(proto.domain(), proto.op_type());
  if (spec == nullptr) return false;
  int outputs = proto.output_size();
  while (outputs > 1 && proto.output(outputs - 1).empty()) --outputs;
  if (outputs != 1 && spec->op != Op::split) return false;
  node.op = spec->op;
  if (!dropout && !read_attributes(state, proto, *spec, node)) return false;
  for (const FormerAttribute& former : former_attributes()) {
    const auto* attribute = find_attribute(proto, former.name);
    if (former.op != node.op || state.graph.opset >= former.since || attribute == nullptr) continue;
    const auto value = attribute_value(*attribute);
    if (!value) return false;
    if (node.inputs.size() <= former.input) node.inputs.resize(former.input + 1, kNone);
    node.inputs[former.input] = constant_input(state, proto, former, *value);
  }
  return true;
}

// Set 12 and later: a ratio and a mode of training beside the input.
bool dropout_of_inference(const ReadState& state, const onnx::NodeProto& proto) {
  if (!proto.domain().empty() || proto.op_type() != "Dropout" || proto.output_size() != 1 || state.graph.opset < 12)
    return false;
  if (proto.input_size() < 3 || proto.input(2).empty()) return true;
  const auto mode = state.names.find(proto.input(2));
  return mode != state.names.end() && state.graph.constant(mode->second) &&
         state.graph.data(mode->second).numbers().at(0) == 0;
}

bool read_constant(ReadState& state, const onnx::NodeProto& proto, const std::string& where) {
  TensorData data;
  if (const auto* tensor = find_attribute(proto, "value")) {
    if (bits_of(static_cast<Type>(tensor->t().data_type())) == 0) return false;
    data = tensor_from_onnx(tensor->t(), where, state.external);
  } else if (const auto* real = find_attribute(proto, "value_float")) {
    data = float_data({}, std::vector{real->f()});
  } else if (const auto* reals = find_attribute(proto, "value_floats")) {
    data = float_data({reals->floats_size()}, std::vector<float>(reals->floats().begin(), reals->floats().end()));
  } else if (const auto* integer = find_attribute(proto, "value_int")) {
    data = integer_data({}, std::vector{static_cast<std::int64_t>(integer->i())});
  } else if (const auto* list = find_attribute(proto, "value_ints")) {
    data = integer_data({list->ints_size()}, std::vector<std::int64_t>(list->ints().begin(), list->ints().end()));
  } else {
    return false;
  }
  Value& value = state.graph.value(define(state, proto.output(0), where));
  value.type = data.type;
  value.constant = std::move(data);
  return true;
}

// A tensor of one number repeated is that number, expanded.
bool read_constant_of_shape(ReadState& state, const onnx::NodeProto& proto, Node& node, const std::string& where) {
  if (state.graph.opset < 9 || proto.input_size() != 1) return false;
  TensorData data = float_data({}, std::vector{0.0f});
  if (const auto* value = find_attribute(proto, "value")) {
    data = tensor_from_onnx(value->t(), where, state.external);
    if (data.size() != 1) fail("{}: attribute value: found {} numbers, expected 1", where, data.size());
    data.dims.clear();
  }
  node.op = Op::expand;
  node.inputs.insert(node.inputs.begin(), state.graph.add_constant(proto.output(0) + "/value", std::move(data)));
  return true;
}

void verify(const ReadState& state, const onnx::NodeProto& proto, const std::string& where) {
  if (proto.output_size() == 0) fail("{}: found no output, expected one at least", where);
  const auto* schema = onnx::OpSchemaRegistry::Schema(proto.op_type(), state.graph.opset, "");
  const bool own_domain = proto.domain().empty() || proto.domain() == "ai.onnx";
  if (!own_domain || schema == nullptr) return;
  // Left out by an empty name; the rules for shapes read it all the same.
  for (int i = 0; i < std::min(schema->min_input(), proto.input_size()); ++i) {
    if (proto.input(i).empty()) fail("{}: input {}: found none, expected one", where, i);
  }
  for (int i = 0; i < std::min(schema->min_output(), proto.output_size()); ++i) {
    if (proto.output(i).empty()) fail("{}: output {}: found none, expected one", where, i);
  }
  try {
    schema->Verify(proto);
  } catch (const std::exception& error) {
    fail("{}: {}", where, error.what());
  }
}

}  // namespace

ValueId define(ReadState& state, const std::string& name, const std::string& where) {
  const auto id = static_cast<ValueId>(state.graph.values.size());
  if (!state.names.emplace(name, id).second)
    fail("{}: value '{}': found a second one of this name, expected one", where, name);
  if (const ValueId taken = state.graph.find(name); taken != kNone) {  // by a constant of ours: it gives way
    std::string other = name + "/constant";
    while (state.graph.find(other) != kNone) other += '_';
    state.graph.value(taken).name = other;
  }
  state.graph.values.push_back({.name = name});
  return id;
}

void read_node(ReadState& state, const onnx::NodeProto& proto) {
  const std::string where = node_name(state, proto);
  verify(state, proto, where);
  const bool own_domain = proto.domain().empty() || proto.domain() == "ai.onnx";
  if (own_domain && proto.op_type() == "Constant" && read_constant(state, proto, where)) return;

  Node node{.name = proto.name()};
  for (const auto& input : proto.input()) node.inputs.push_back(look_up(state, input, where));
  while (!node.inputs.empty() && node.inputs.back() == kNone) node.inputs.pop_back();
  const std::vector<ValueId> inputs = node.inputs;
  bool known = false;
  if (dropout_of_inference(state, proto)) {
    node.op = Op::identity;
    node.inputs.resize(1);
    known = true;
  } else if (own_domain && proto.op_type() == "ConstantOfShape") {
    known = read_constant_of_shape(state, proto, node, where);
  } else {
    known = read_known(state, proto, node);
  }
  if (!known) {
    node = {.name = proto.name(), .inputs = inputs, .captures = captures_of(state, proto)};
    node.onnx = std::make_shared<const onnx::NodeProto>(proto);
  }
  for (const auto& output : proto.output())
    node.outputs.push_back(output.empty() ? kNone : define(state, output, where));
  if (known) {
    while (node.outputs.size() > 1 && node.outputs.back() == kNone) node.outputs.pop_back();
  }
  state.graph.nodes.push_back(std::move(node));
}

}  // namespace triage::model
