// One node of an ONNX file as a Node of a graph; read.cc's own.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "model/graph.h"
#include "model/onnx/tensor.h"

namespace triage::model {

struct ReadState {
  Graph& graph;
  ExternalData& external;
  std::unordered_map<std::string, ValueId> names;  // values that exist so far
};

// Appends the node to the graph; Constant becomes a constant. Throws Error.
void read_node(ReadState& state, const onnx::NodeProto& proto);

// A value of the given name, which must be new.
ValueId define(ReadState& state, const std::string& name, const std::string& where);

}  // namespace triage::model
