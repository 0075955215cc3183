// Builds an onnx::GraphProto node by node. Names are given by the caller; a builder with a prefix writes it before each
// name it creates, so that several graphs can share one file. Operator set 17 of the default domain, where the file is
// not given another one.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/files/file.h"

namespace triage::exporting {

inline constexpr int kOpset = 17;
inline constexpr int kIrVersion = 8;  // the one that came with operator set 17
int ir_version(int opset);            // the one that came with an operator set, kIrVersion at least

class GraphBuilder {
 public:
  // The graph must outlive the builder.
  explicit GraphBuilder(onnx::GraphProto& graph, std::string prefix = {}, int opset = kOpset)
      : graph_(&graph), prefix_(std::move(prefix)), opset_(opset) {}

  onnx::GraphProto& graph() { return *graph_; }
  int opset() const { return opset_; }  // of the file: a few operators changed their form

  // Adds a node whose name and only output are prefix + output; returns that name. Inputs are full names.
  std::string node(const std::string& op, const std::vector<std::string>& inputs, const std::string& output);
  // The node made last, for attributes.
  GraphBuilder& attribute(const std::string& name, std::int64_t value);
  GraphBuilder& attribute(const std::string& name, const std::vector<std::int64_t>& values);

  // Constants; return their full name. Values are row-major.
  std::string constant(const std::string& name, const std::vector<std::int64_t>& shape, std::span<const float> values);
  std::string constant(const std::string& name, float value);  // a scalar
  std::string constant(const std::string& name, const std::vector<std::int64_t>& shape, std::span<const double> values);
  std::string constant(const std::string& name, const std::vector<std::int64_t>& shape,
                       std::span<const std::int64_t> values);
  std::string constant(const std::string& name, const std::vector<std::int64_t>& shape,
                       std::span<const std::int32_t> values);
  std::string constant(const std::string& name, const std::vector<std::int64_t>& shape,
                       std::span<const std::int8_t> values);
  std::string constant(const std::string& name, const std::vector<std::int64_t>& shape,
                       std::span<const std::uint8_t> values);

 private:
  onnx::GraphProto* graph_;
  std::string prefix_;
  int opset_;
};

// A dimension: its size, or a name where it is dynamic.
struct TensorDimension {
  std::int64_t size = 0;
  std::string name;
};
inline constexpr auto kFloat = onnx::TensorProto::FLOAT;
onnx::ValueInfoProto value_info(const std::string& name, onnx::TensorProto::DataType type,
                                const std::vector<TensorDimension>& shape);

// An empty model of an operator set, this program's producer and version.
onnx::ModelProto new_model(const std::string& graph_name, int opset = kOpset);
void set_metadata(onnx::ModelProto& model, const std::string& key, const std::string& value);
std::string metadata(const onnx::ModelProto& model, const std::string& key);  // empty when absent

// The ONNX project's checker with shape inference; throws Error naming `what` and the checker's complaint.
// It needs the ONNX operator schemas: always there, except while another thread is creating the first ONNX Runtime
// environment.
void check_model(const onnx::ModelProto& model, const std::string& what);

onnx::ModelProto load_model(const fs::path& file);                     // throws Error
void save_model(const fs::path& file, const onnx::ModelProto& model);  // checks, then writes atomically

}  // namespace triage::exporting
