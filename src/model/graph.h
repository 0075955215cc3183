// A network as a graph, whatever file it came from: values, nodes between them, and quantization beside the values.
// read.h makes one from an ONNX file, write.h gives it back; counts.h, interpreter.h and the quantiser of imported nets
// (exporting/int8) stand on it.
//
// Values are numbers into Graph::values and keep the names of the file. A graph is in single assignment form: each
// value is a constant, an input, or an output of exactly one node, and nodes stand behind what they read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/op.h"
#include "model/tensor.h"

namespace onnx {
class NodeProto;
class ModelProto;
}  // namespace onnx

namespace triage::model {

using ValueId = int;
inline constexpr ValueId kNone = -1;  // an input or output that a node does without

struct Dimension {
  std::int64_t size = -1;  // -1: free
  std::string name;        // of a free one; may be empty
  bool fixed() const { return size >= 0; }
  bool operator==(const Dimension&) const = default;
};
using Shape = std::vector<Dimension>;
bool fixed(const Shape& shape);
std::int64_t elements(const Shape& shape);  // throws Error unless fixed
std::string to_string(const Shape& shape);  // "[batch, 3, 160, ?]"

// real = scale * (q - zero): one pair for the whole tensor, or one for each index of `axis`.
struct Quantization {
  std::vector<float> scale;
  std::vector<std::int64_t> zero;  // as many
  std::optional<int> axis;         // none: one pair
  bool operator==(const Quantization&) const = default;
};

struct Value {
  std::string name;
  Type type = Type::undefined;  // undefined: not known
  std::optional<Shape> shape;   // none: not even the rank is known
  std::optional<TensorData> constant;
  std::optional<Quantization> quantization;  // of a value in integers whose scale and zero point are constants
};

using Attributes = std::map<std::string, Attribute, std::less<>>;

struct Node {
  Op op = Op::opaque;
  std::string name;  // may be empty
  std::vector<ValueId> inputs, outputs;
  Attributes attributes;                        // of OpSpec, all that have a default; none if opaque
  std::vector<ValueId> captures;                // opaque: values that its subgraphs read besides the inputs, by name
  std::shared_ptr<const onnx::NodeProto> onnx;  // opaque: the node as it is in the file; else null

  ValueId input(std::size_t i) const { return i < inputs.size() ? inputs[i] : kNone; }
  ValueId output() const { return outputs.front(); }
  // Throw Error where the attribute is absent or of another type.
  std::int64_t integer(std::string_view attribute) const;
  float real(std::string_view attribute) const;
  const std::string& text(std::string_view attribute) const;
  // Empty where the attribute is absent.
  std::vector<std::int64_t> integers(std::string_view attribute) const;
};

struct Graph {
  std::string origin, name;  // the file, for messages; the graph's own name
  int opset = 0;             // of ONNX's own domain
  int ir_version = 0;
  std::map<std::string, int> domains;  // versions of the other domains
  std::map<std::string, std::string> metadata;
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs, outputs;  // without constants

  const Value& value(ValueId id) const { return values.at(static_cast<std::size_t>(id)); }
  Value& value(ValueId id) { return values.at(static_cast<std::size_t>(id)); }
  bool is_output(ValueId id) const;
  bool constant(ValueId id) const { return id != kNone && value(id).constant.has_value(); }
  const TensorData& data(ValueId id) const;         // of a constant; throws Error
  ValueId find(std::string_view value_name) const;  // kNone where there is none

  ValueId add_value(Value value);  // a name that is taken gets a number behind it
  ValueId add_constant(std::string value_name, TensorData data);
  // A node with one output, which has its name; no type and shape yet. Attributes that are not given are the defaults.
  ValueId add_node(Op op, std::vector<ValueId> read, const std::string& node_name, Attributes attributes = {});
  std::string label(const Node& node) const;  // for messages: "node 'features.0' (Conv)"

  std::vector<int> producers() const;             // by value: index of its node, -1: input or constant
  std::vector<std::vector<int>> readers() const;  // by value: nodes that read or capture it
  void sort();  // nodes behind what they read, in the order they had where there is a choice; throws Error at a circle
  void remove_unused();  // nodes and constants that no output depends on; values keep their numbers
};

// The window of a convolution or a pool, resolved: as many numbers as spatial dimensions.
struct Window {
  std::vector<std::int64_t> kernel, strides, dilations, begin, end;  // begin, end: padding
  std::int64_t groups = 1;
  bool ceil = false;           // a last window that stands out counts
  bool count_padding = false;  // of an average
  std::vector<std::int64_t> output(std::span<const std::int64_t> spatial) const;  // sizes
};
// spatial: sizes of the input; kernel: of a convolution's weight, empty for pools. Throws Error naming the node.
Window window_of(const Graph& graph, const Node& node, std::span<const std::int64_t> spatial,
                 std::span<const std::int64_t> kernel = {});

}  // namespace triage::model
