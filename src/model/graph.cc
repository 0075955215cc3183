#include "model/graph.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <format>

#include "core/error.h"

namespace triage::model {
namespace {

template <class T>
const T& attribute_of(const Node& node, std::string_view name, const char* expected) {
  const auto found = node.attributes.find(name);
  const T* value = found == node.attributes.end() ? nullptr : std::get_if<T>(&found->second);
  if (value == nullptr)
    fail("node '{}' ({}): attribute {}: found none of this type, expected {}", node.name, to_string(node.op), name,
         expected);
  return *value;
}

std::int64_t pad_total(std::int64_t size, std::int64_t extent, std::int64_t stride) {
  return std::max<std::int64_t>(0, ((size + stride - 1) / stride - 1) * stride + extent - size);
}

void read_padding(const std::string& where, const Node& node, std::span<const std::int64_t> spatial, Window& window) {
  const std::size_t rank = spatial.size();
  const std::string& kind = node.text("auto_pad");
  const std::vector<std::int64_t> pads = node.integers("pads");
  window.begin.assign(rank, 0);
  window.end.assign(rank, 0);
  if (kind == "VALID") return;
  if (kind == "NOTSET") {
    if (!pads.empty() && pads.size() != 2 * rank)
      fail("{}: attribute pads: found {} numbers, expected {}", where, pads.size(), 2 * rank);
    for (std::size_t i = 0; i < rank && !pads.empty(); ++i) {
      window.begin[i] = pads[i];
      window.end[i] = pads[rank + i];
    }
    return;
  }
  if (kind != "SAME_UPPER" && kind != "SAME_LOWER")
    fail("{}: attribute auto_pad: found {}, expected NOTSET, VALID, SAME_UPPER or SAME_LOWER", where, kind);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t total =
        pad_total(spatial[i], window.dilations[i] * (window.kernel[i] - 1) + 1, window.strides[i]);
    window.begin[i] = kind == "SAME_UPPER" ? total / 2 : total - total / 2;
    window.end[i] = total - window.begin[i];
  }
}

}  // namespace

bool fixed(const Shape& shape) { return std::ranges::all_of(shape, &Dimension::fixed); }

std::int64_t elements(const Shape& shape) {
  std::int64_t count = 1;
  for (const Dimension& dimension : shape) {
    if (!dimension.fixed()) fail("model: found the shape {}, expected a fixed one", to_string(shape));
    count *= dimension.size;
  }
  return count;
}

std::string to_string(const Shape& shape) {
  std::string text;
  for (const Dimension& dimension : shape) {
    if (!text.empty()) text += ", ";
    text += dimension.fixed() ? std::to_string(dimension.size) : dimension.name.empty() ? "?" : dimension.name;
  }
  return "[" + text + "]";
}

std::int64_t Node::integer(std::string_view attribute) const {
  return attribute_of<std::int64_t>(*this, attribute, "an integer");
}

float Node::real(std::string_view attribute) const { return attribute_of<float>(*this, attribute, "a number"); }

const std::string& Node::text(std::string_view attribute) const {
  return attribute_of<std::string>(*this, attribute, "text");
}

std::vector<std::int64_t> Node::integers(std::string_view attribute) const {
  if (!attributes.contains(attribute)) return {};
  return attribute_of<std::vector<std::int64_t>>(*this, attribute, "integers");
}

bool Graph::is_output(ValueId id) const { return std::ranges::find(outputs, id) != outputs.end(); }

const TensorData& Graph::data(ValueId id) const {
  if (!constant(id))
    fail("{}: value '{}': expected a constant", origin, id == kNone ? std::string("none") : value(id).name);
  return *value(id).constant;
}

ValueId Graph::find(std::string_view value_name) const {
  const auto found = std::ranges::find(values, value_name, &Value::name);
  return found == values.end() ? kNone : static_cast<ValueId>(found - values.begin());
}

ValueId Graph::add_value(Value value) {
  const std::string wanted = value.name;
  for (int number = 1; find(value.name) != kNone; ++number) value.name = std::format("{}_{}", wanted, number);
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size()) - 1;
}

ValueId Graph::add_constant(std::string value_name, TensorData data) {
  Value value{.name = std::move(value_name), .type = data.type, .shape = Shape{}};
  for (const std::int64_t size : data.dims) value.shape->push_back({size, {}});
  value.constant = std::move(data);
  return add_value(std::move(value));
}

ValueId Graph::add_node(Op op, std::vector<ValueId> read, const std::string& node_name, Attributes attributes) {
  for (const AttributeSpec& attribute : spec_of(op).attributes) {
    if (attribute.value) attributes.try_emplace(std::string(attribute.name), *attribute.value);
  }
  Node node{.op = op, .name = node_name, .inputs = std::move(read)};
  node.attributes = std::move(attributes);
  node.outputs = {add_value({.name = node_name})};
  nodes.push_back(std::move(node));
  return nodes.back().output();
}

std::string Graph::label(const Node& node) const {
  const auto named = std::ranges::find_if(node.outputs, [](ValueId id) { return id != kNone; });
  const std::string& name_of = node.name.empty() && named != node.outputs.end() ? value(*named).name : node.name;
  const std::string op = node.onnx == nullptr          ? std::string(to_string(node.op))
                         : node.onnx->domain().empty() ? node.onnx->op_type()
                                                       : node.onnx->domain() + "." + node.onnx->op_type();
  return std::format("{}: node '{}' ({})", origin, name_of, op);
}

std::vector<int> Graph::producers() const {
  std::vector<int> by_value(values.size(), -1);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const ValueId id : nodes[i].outputs) {
      if (id != kNone) by_value[static_cast<std::size_t>(id)] = static_cast<int>(i);
    }
  }
  return by_value;
}

std::vector<std::vector<int>> Graph::readers() const {
  std::vector<std::vector<int>> by_value(values.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const auto* ids : {&nodes[i].inputs, &nodes[i].captures}) {
      for (const ValueId id : *ids) {
        if (id == kNone) continue;
        auto& of_value = by_value[static_cast<std::size_t>(id)];
        if (of_value.empty() || of_value.back() != static_cast<int>(i)) of_value.push_back(static_cast<int>(i));
      }
    }
  }
  return by_value;
}

void Graph::sort() {
  const std::vector<int> made_by = producers();
  std::vector<int> state(nodes.size(), 0);  // 1: being placed, 2: placed
  std::vector<Node> sorted;
  std::vector<std::pair<int, std::size_t>> open;  // a node, and how many of its inputs were looked at
  for (std::size_t first = 0; first < nodes.size(); ++first) {
    if (state[first] == 2) continue;
    open.push_back({static_cast<int>(first), 0});
    while (!open.empty()) {
      const int at = open.back().first;
      const Node& node = nodes[static_cast<std::size_t>(at)];
      state[static_cast<std::size_t>(at)] = 1;
      const std::size_t next = open.back().second++;
      if (next >= node.inputs.size() + node.captures.size()) {
        state[static_cast<std::size_t>(at)] = 2;
        sorted.push_back(node);
        open.pop_back();
        continue;
      }
      const ValueId id = next < node.inputs.size() ? node.inputs[next] : node.captures[next - node.inputs.size()];
      const int source = id == kNone ? -1 : made_by[static_cast<std::size_t>(id)];
      if (source < 0 || state[static_cast<std::size_t>(source)] == 2) continue;
      if (state[static_cast<std::size_t>(source)] == 1) fail("{}: reads what it leads to", label(node));
      open.push_back({source, 0});
    }
  }
  nodes = std::move(sorted);
}

void Graph::remove_unused() {
  std::vector<bool> needed(values.size(), false);
  for (const ValueId id : outputs) needed[static_cast<std::size_t>(id)] = true;
  std::vector<bool> kept(nodes.size(), false);
  for (std::size_t i = nodes.size(); i-- > 0;) {
    kept[i] = std::ranges::any_of(nodes[i].outputs,
                                  [&](ValueId id) { return id != kNone && needed[static_cast<std::size_t>(id)]; });
    if (!kept[i]) continue;
    for (const auto* ids : {&nodes[i].inputs, &nodes[i].captures}) {
      for (const ValueId id : *ids) {
        if (id != kNone) needed[static_cast<std::size_t>(id)] = true;
      }
    }
  }
  std::size_t i = 0;
  std::erase_if(nodes, [&](const Node&) { return !kept[i++]; });
  for (std::size_t id = 0; id < values.size(); ++id) {
    if (!needed[id]) values[id].constant.reset();
  }
}

std::vector<std::int64_t> Window::output(std::span<const std::int64_t> spatial) const {
  std::vector<std::int64_t> sizes;
  for (std::size_t i = 0; i < spatial.size(); ++i) {
    const std::int64_t room = spatial[i] + begin[i] + end[i] - (dilations[i] * (kernel[i] - 1) + 1);
    std::int64_t size = (room + (ceil ? strides[i] - 1 : 0)) / strides[i] + 1;
    // A window that would begin in the padding behind the input does not count.
    if (ceil && (size - 1) * strides[i] >= spatial[i] + begin[i]) --size;
    sizes.push_back(std::max<std::int64_t>(size, 0));
  }
  return sizes;
}

Window window_of(const Graph& graph, const Node& node, std::span<const std::int64_t> spatial,
                 std::span<const std::int64_t> kernel) {
  const std::string where = graph.label(node);
  const std::size_t rank = spatial.size();
  Window window;
  const auto read = [&](const char* name, std::vector<std::int64_t>& to, std::int64_t otherwise) {
    to = node.integers(name);
    if (to.empty()) to.assign(rank, otherwise);
    if (to.size() != rank) fail("{}: attribute {}: found {} numbers, expected {}", where, name, to.size(), rank);
    constexpr std::int64_t kMost = 1 << 16;
    for (const std::int64_t number : to) {
      if (number < 1 || number > kMost)
        fail("{}: attribute {}: found {}, expected 1 to {}", where, name, number, kMost);
    }
  };
  if (rank == 0) fail("{}: found an input without spatial dimensions, expected some", where);
  read("strides", window.strides, 1);
  read("dilations", window.dilations, 1);
  if (kernel.empty() && !node.attributes.contains("kernel_shape"))
    fail("{}: attribute kernel_shape: found none, expected {} numbers", where, rank);
  read("kernel_shape", window.kernel, 1);
  if (!kernel.empty()) {
    if (node.attributes.contains("kernel_shape") && !std::ranges::equal(window.kernel, kernel))
      fail("{}: attribute kernel_shape: found another size than that of the weights", where);
    window.kernel.assign(kernel.begin(), kernel.end());
  }
  read_padding(where, node, spatial, window);
  if (node.attributes.contains("group")) window.groups = node.integer("group");
  if (node.attributes.contains("ceil_mode")) window.ceil = node.integer("ceil_mode") != 0;
  if (node.attributes.contains("count_include_pad")) window.count_padding = node.integer("count_include_pad") != 0;
  return window;
}

}  // namespace triage::model
