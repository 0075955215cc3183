// A Graph as an ONNX model: opaque nodes as they came, the others in the form of the operator set that is written.
#pragma once

#include <onnx/onnx_pb.h>

#include <optional>

#include "core/files/file.h"
#include "model/graph.h"

namespace triage::model {

struct WriteOptions {
  std::optional<int> opset;  // at least the graph's own; none: that one
  bool defaults = true;      // attributes are written also where they have their default value
};

// Values keep their names, constants become initialisers. Throws Error naming node, attribute, found and expected: a
// node that has no form in the operator set, an opaque one that means something else in a later set.
onnx::ModelProto to_onnx(const Graph& graph, const WriteOptions& options = {});
std::string to_onnx_bytes(const Graph& graph, const WriteOptions& options = {});              // up to 2 GB
void write_onnx(const fs::path& file, const Graph& graph, const WriteOptions& options = {});  // atomically

// One node; inputs and outputs by the values' names.
onnx::NodeProto node_to_onnx(const Graph& graph, const Node& node, int opset, bool defaults = true);
onnx::TypeProto type_to_onnx(Type type, const std::optional<Shape>& shape);

}  // namespace triage::model
