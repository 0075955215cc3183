// Helpers of the tests: small ONNX models in ONNX's own text form (onnx/defs/parser.h).
#pragma once

#include <onnx/defs/parser.h>

#include <initializer_list>
#include <string>

#include "core/error.h"
#include "model/interpreter/interpreter.h"
#include "model/onnx/read.h"

namespace triage::model::testing {

// text: "(float[N,3,8,8] x) => (float[N,4] y) <float[4] w = {1,2,3,4}> { y = Relu(x) }"
inline onnx::ModelProto parsed(const std::string& text, int opset = 17) {
  const std::string whole = std::format(
      "<ir_version: 8, opset_import: [\"\" : {}, \"com.microsoft\" : 1, \"custom\" : 1]>\ntest {}", opset, text);
  onnx::ModelProto model;
  const auto status = onnx::OnnxParser::Parse(model, whole.c_str());
  if (!status.IsOK()) fail("a test's model: {}", status.ErrorMessage());
  return model;
}

inline Graph graph_of(const std::string& text, int opset = 17, const ReadOptions& options = {}) {
  return from_onnx(parsed(text, opset), "test.onnx", {}, options);
}

inline Tensor floats(Dims dims, std::vector<double> values) {
  return {Type::float32, std::move(dims), std::move(values)};
}

inline const Node& node_of(const Graph& graph, Op op) {
  for (const Node& node : graph.nodes) {
    if (node.op == op) return node;
  }
  fail("a test's model: expected a node {}", to_string(op));
}

}  // namespace triage::model::testing
