#include "exporting/graph_builder.h"

#include <onnx/checker.h>
#include <onnx/defs/schema.h>

#include <bit>

#include "core/error.h"
#include "triage/classifier.h"

namespace triage::exporting {
namespace {

static_assert(std::endian::native == std::endian::little, "ONNX stores raw tensor bytes little-endian");

template <class T>
void add_constant(onnx::GraphProto& graph, const std::string& name, onnx::TensorProto::DataType type,
                  const std::vector<std::int64_t>& shape, std::span<const T> values) {
  std::int64_t elements = 1;
  for (auto size : shape) elements *= size;
  if (elements != static_cast<std::int64_t>(values.size()))
    fail("export: {}: found {} values, expected {}", name, values.size(), elements);
  onnx::TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(type);
  for (auto size : shape) tensor.add_dims(size);
  tensor.set_raw_data(values.data(), values.size_bytes());
}

}  // namespace

std::string GraphBuilder::node(const std::string& op, const std::vector<std::string>& inputs,
                               const std::string& output) {
  onnx::NodeProto& node = *graph_->add_node();
  node.set_op_type(op);
  node.set_name(prefix_ + output);
  for (const auto& input : inputs) node.add_input(input);
  node.add_output(prefix_ + output);
  return prefix_ + output;
}

GraphBuilder& GraphBuilder::attribute(const std::string& name, std::int64_t value) {
  onnx::AttributeProto& attribute = *graph_->mutable_node(graph_->node_size() - 1)->add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INT);
  attribute.set_i(value);
  return *this;
}

GraphBuilder& GraphBuilder::attribute(const std::string& name, const std::vector<std::int64_t>& values) {
  onnx::AttributeProto& attribute = *graph_->mutable_node(graph_->node_size() - 1)->add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INTS);
  for (auto value : values) attribute.add_ints(value);
  return *this;
}

std::string GraphBuilder::constant(const std::string& name, const std::vector<std::int64_t>& shape,
                                   std::span<const float> values) {
  add_constant(*graph_, prefix_ + name, kFloat, shape, values);
  return prefix_ + name;
}

std::string GraphBuilder::constant(const std::string& name, float value) {
  return constant(name, {}, std::span<const float>(&value, 1));
}

std::string GraphBuilder::constant(const std::string& name, const std::vector<std::int64_t>& shape,
                                   std::span<const double> values) {
  add_constant(*graph_, prefix_ + name, onnx::TensorProto::DOUBLE, shape, values);
  return prefix_ + name;
}

std::string GraphBuilder::constant(const std::string& name, const std::vector<std::int64_t>& shape,
                                   std::span<const std::int64_t> values) {
  add_constant(*graph_, prefix_ + name, onnx::TensorProto::INT64, shape, values);
  return prefix_ + name;
}

std::string GraphBuilder::constant(const std::string& name, const std::vector<std::int64_t>& shape,
                                   std::span<const std::int32_t> values) {
  add_constant(*graph_, prefix_ + name, onnx::TensorProto::INT32, shape, values);
  return prefix_ + name;
}

std::string GraphBuilder::constant(const std::string& name, const std::vector<std::int64_t>& shape,
                                   std::span<const std::int8_t> values) {
  add_constant(*graph_, prefix_ + name, onnx::TensorProto::INT8, shape, values);
  return prefix_ + name;
}

std::string GraphBuilder::constant(const std::string& name, const std::vector<std::int64_t>& shape,
                                   std::span<const std::uint8_t> values) {
  add_constant(*graph_, prefix_ + name, onnx::TensorProto::UINT8, shape, values);
  return prefix_ + name;
}

onnx::ValueInfoProto value_info(const std::string& name, onnx::TensorProto::DataType type,
                                const std::vector<TensorDimension>& shape) {
  onnx::ValueInfoProto info;
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  auto& dimensions = *tensor.mutable_shape();
  for (const auto& dimension : shape) {
    if (dimension.name.empty())
      dimensions.add_dim()->set_dim_value(dimension.size);
    else
      dimensions.add_dim()->set_dim_param(dimension.name);
  }
  return info;
}

int ir_version(int opset) { return opset >= 21 ? 10 : opset >= 19 ? 9 : kIrVersion; }

onnx::ModelProto new_model(const std::string& graph_name, int opset) {
  onnx::ModelProto model;
  model.set_ir_version(ir_version(opset));
  auto& import = *model.add_opset_import();
  import.set_domain("");
  import.set_version(opset);
  model.set_producer_name("triage");
  model.set_producer_version(version());
  model.mutable_graph()->set_name(graph_name);
  set_metadata(model, "triage.version", version());
  return model;
}

void set_metadata(onnx::ModelProto& model, const std::string& key, const std::string& value) {
  auto& entry = *model.add_metadata_props();
  entry.set_key(key);
  entry.set_value(value);
}

std::string metadata(const onnx::ModelProto& model, const std::string& key) {
  for (const auto& entry : model.metadata_props())
    if (entry.key() == key) return entry.value();
  return {};
}

void check_model(const onnx::ModelProto& model, const std::string& what) {
  if (!onnx::OpSchemaRegistry::Schema("Conv", kOpset))
    fail("{}: cannot be checked: the ONNX operator schemas of set {} are not registered in this process", what, kOpset);
  try {
    onnx::checker::check_model(model, /*full_check=*/true);
  } catch (const std::exception& error) {
    fail("{}: refused by the ONNX checker: {}", what, error.what());
  }
}

onnx::ModelProto load_model(const fs::path& file) {
  onnx::ModelProto model;
  if (!model.ParseFromString(read_file(file))) fail("{}: damaged: expected an ONNX model", file.string());
  return model;
}

void save_model(const fs::path& file, const onnx::ModelProto& model) {
  check_model(model, file.string());
  std::string bytes;
  if (!model.SerializeToString(&bytes)) fail("{}: the model cannot be serialised (2 GB is the limit)", file.string());
  write_file_atomic(file, bytes);
}

}  // namespace triage::exporting
