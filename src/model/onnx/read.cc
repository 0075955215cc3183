#include "model/onnx/read.h"

#include <onnx/defs/schema.h>
#include <onnx/inliner/inliner.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "model/onnx/read_node.h"
#include "model/quantized.h"
#include "model/shapes.h"

namespace triage::model {
namespace {

void read_versions(const onnx::ModelProto& model, Graph& graph) {
  for (const auto& import : model.opset_import()) {
    if (import.domain().empty() || import.domain() == "ai.onnx")
      graph.opset = static_cast<int>(import.version());
    else
      graph.domains[import.domain()] = static_cast<int>(import.version());
  }
  const int newest = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map().at("").second;
  if (graph.opset < kMinOpset || graph.opset > newest)
    fail("{}: operator set of ONNX's domain: found {}, expected {} to {}", graph.origin, graph.opset, kMinOpset,
         newest);
  graph.ir_version = static_cast<int>(model.ir_version());
  for (const auto& entry : model.metadata_props()) graph.metadata[entry.key()] = entry.value();
}

// Puts the functions of the model in where they are called. Those of other operator sets are refused: libonnx's
// converter of versions crashes on damaged ones.
void inline_functions(onnx::ModelProto& model, const Graph& graph) {
  if (model.functions_size() == 0) return;
  for (const auto& function : model.functions()) {
    for (const auto& import : function.opset_import()) {
      const bool own = import.domain().empty() || import.domain() == "ai.onnx";
      if (own && import.version() != graph.opset)
        fail("{}: function '{}': found operator set {}, expected {} as the model has", graph.origin, function.name(),
             import.version(), graph.opset);
    }
  }
  try {
    onnx::inliner::InlineLocalFunctions(model, /*convert_version=*/false);
  } catch (const std::exception& error) {
    fail("{}: its functions cannot be put in: {}", graph.origin, error.what());
  }
}

// What the file says about a value; false where it is no tensor.
bool read_type(const onnx::TypeProto& type, Value& value) {
  if (!type.has_tensor_type()) return false;
  value.type = static_cast<Type>(type.tensor_type().elem_type());
  if (!type.tensor_type().has_shape()) return true;
  Shape shape;
  for (const auto& dimension : type.tensor_type().shape().dim()) {
    const bool known = dimension.has_dim_value() && dimension.dim_value() >= 0;
    shape.push_back({known ? dimension.dim_value() : -1, dimension.dim_param()});
  }
  value.shape = std::move(shape);
  return true;
}

void read_constants(const onnx::GraphProto& proto, ReadState& state) {
  for (const auto& tensor : proto.initializer()) {
    const std::string where = std::format("{}: constant '{}'", state.graph.origin, tensor.name());
    TensorData data = tensor_from_onnx(tensor, where, state.external);
    Value& value = state.graph.value(define(state, tensor.name(), where));
    value.type = data.type;
    value.constant = std::move(data);
  }
  if (proto.sparse_initializer_size() > 0)
    fail("{}: found {} sparse constants, expected dense ones", state.graph.origin, proto.sparse_initializer_size());
}

void read_inputs(const onnx::GraphProto& proto, const ReadOptions& options, ReadState& state) {
  Graph& graph = state.graph;
  for (const auto& input : proto.input()) {
    if (state.names.contains(input.name())) continue;  // a constant that may be replaced: it is not
    const std::string where = std::format("{}: input '{}'", graph.origin, input.name());
    const ValueId id = define(state, input.name(), where);
    Value& value = graph.value(id);
    if (!read_type(input.type(), value)) fail("{}: found no tensor, expected one", where);
    if (options.batch && value.shape && !value.shape->empty() && !value.shape->front().fixed())
      value.shape->front() = {*options.batch, {}};
    graph.inputs.push_back(id);
  }
}

void read_outputs(const onnx::GraphProto& proto, const ReadState& state, Graph& graph) {
  for (const auto& output : proto.output()) {
    const auto found = state.names.find(output.name());
    if (found == state.names.end())
      fail("{}: output '{}': found no node that gives it, expected one", graph.origin, output.name());
    graph.outputs.push_back(found->second);
  }
  if (graph.outputs.empty()) fail("{}: found no outputs, expected one at least", graph.origin);
}

onnx::ModelProto parsed(const std::string& bytes, const std::string& origin) {
  onnx::ModelProto model;
  if (!model.ParseFromString(bytes)) fail("{}: damaged: expected an ONNX model", origin);
  return model;
}

}  // namespace

Graph from_onnx(onnx::ModelProto model, const std::string& origin, const std::optional<fs::path>& directory,
                const ReadOptions& options) {
  if (!model.has_graph()) fail("{}: damaged: expected an ONNX model", origin);
  Graph graph{.origin = origin, .name = model.graph().name()};
  read_versions(model, graph);
  inline_functions(model, graph);
  ExternalData external(directory);
  ReadState state{graph, external, {}};
  const onnx::GraphProto& proto = model.graph();
  read_constants(proto, state);
  read_inputs(proto, options, state);
  for (const auto& node : proto.node()) read_node(state, node);
  read_outputs(proto, state, graph);
  for (const auto* infos : {&proto.value_info(), &proto.output()}) {
    for (const auto& info : *infos) {
      const auto found = state.names.find(info.name());
      if (found != state.names.end() && !graph.constant(found->second))
        read_type(info.type(), graph.value(found->second));
    }
  }
  for (Value& value : graph.values) {
    if (!value.constant) continue;
    value.shape = Shape{};
    for (const std::int64_t size : value.constant->dims) value.shape->push_back({size, {}});
  }
  infer_shapes(graph);
  note_quantization(graph);
  return graph;
}

Graph read_onnx(const fs::path& file, const ReadOptions& options) {
  return from_onnx(parsed(read_file(file), file.string()), file.string(), file.parent_path(), options);
}

Graph parse_onnx(const std::string& bytes, const std::string& origin, const ReadOptions& options) {
  return from_onnx(parsed(bytes, origin), origin, std::nullopt, options);
}

}  // namespace triage::model
