#include "exporting/plan/stage_nodes.h"

#include <functional>
#include <vector>

#include "core/error.h"

namespace triage::exporting {
namespace {

using Rename = std::function<std::string(const std::string&)>;

void rename_graph(onnx::GraphProto& graph, const Rename& rename, const std::string& prefix);

void rename_node(onnx::NodeProto& node, const Rename& rename, const std::string& prefix) {
  if (!node.name().empty()) node.set_name(prefix + node.name());
  for (auto& name : *node.mutable_input()) name = rename(name);
  for (auto& name : *node.mutable_output()) name = rename(name);
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.has_g()) rename_graph(*attribute.mutable_g(), rename, prefix);
    for (auto& inner : *attribute.mutable_graphs()) rename_graph(inner, rename, prefix);
  }
}

// A graph inside a node. Free sizes of two stages may have one name and be different.
void rename_graph(onnx::GraphProto& graph, const Rename& rename, const std::string& prefix) {
  graph.clear_value_info();
  for (auto* list : {graph.mutable_input(), graph.mutable_output()}) {
    for (auto& value : *list) {
      value.set_name(rename(value.name()));
      if (!value.type().tensor_type().has_shape()) continue;
      for (auto& dim : *value.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim())
        if (dim.has_dim_param()) dim.set_dim_param(prefix + dim.dim_param());
    }
  }
  for (auto& tensor : *graph.mutable_initializer()) tensor.set_name(rename(tensor.name()));
  for (auto& tensor : *graph.mutable_sparse_initializer())
    tensor.mutable_values()->set_name(rename(tensor.values().name()));
  for (auto& node : *graph.mutable_node()) rename_node(node, rename, prefix);
}

// What a node reads, with what the graphs inside it may read from outside.
void add_reads(const onnx::NodeProto& node, std::set<std::string>& reads) {
  reads.insert(node.input().begin(), node.input().end());
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g())
      for (const auto& inner : attribute.g().node()) add_reads(inner, reads);
    for (const auto& graph : attribute.graphs())
      for (const auto& inner : graph.node()) add_reads(inner, reads);
  }
}

void expect_output(const std::string& stage, const onnx::GraphProto& graph, const std::string& name) {
  for (const auto& output : graph.output())
    if (output.name() == name) return;
  fail("plan model: stage {}: its file has no output \"{}\"", stage, name);
}

}  // namespace

void append_stage(onnx::GraphProto& into, const std::string& stage, const onnx::GraphProto& from,
                  const std::set<std::string>& wanted, const std::string& input, const std::string& prefix) {
  if (from.input_size() != 1) fail("plan model: stage {}: found {} inputs, expected 1", stage, from.input_size());
  for (const auto& name : wanted) expect_output(stage, from, name);
  const Rename renamed = [&](const std::string& name) {
    return name.empty() ? name : name == from.input(0).name() ? input : prefix + name;
  };
  std::set<std::string> needed = wanted;
  std::vector<const onnx::NodeProto*> nodes;  // backwards; an ONNX graph is sorted topologically
  for (int i = from.node_size() - 1; i >= 0; --i) {
    const onnx::NodeProto& node = from.node(i);
    bool used = false;
    for (const auto& output : node.output()) used = used || needed.count(output);
    if (!used) continue;
    nodes.push_back(&node);
    add_reads(node, needed);
  }
  for (const auto& tensor : from.initializer()) {
    if (!needed.count(tensor.name())) continue;
    if (tensor.data_location() == onnx::TensorProto::EXTERNAL)
      fail("plan model: stage {}: initializer '{}': found its data beside the file, expected it inside", stage,
           tensor.name());
    onnx::TensorProto& copy = *into.add_initializer();
    copy = tensor;
    copy.set_name(renamed(tensor.name()));
  }
  for (const auto& tensor : from.sparse_initializer()) {
    if (!needed.count(tensor.values().name())) continue;
    onnx::SparseTensorProto& copy = *into.add_sparse_initializer();
    copy = tensor;
    copy.mutable_values()->set_name(renamed(tensor.values().name()));
  }
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    onnx::NodeProto& copy = *into.add_node();
    copy = **node;
    rename_node(copy, renamed, prefix);
  }
}

}  // namespace triage::exporting
