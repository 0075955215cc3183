#include "engine/onnxruntime/onnx_trim.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/text.h"
#include "engine/status.h"

namespace triage::engine {
namespace {

using Names = std::unordered_set<std::string>;

// Every name a node may read, those that its subgraphs read from outside included (and, harmlessly, their own).
void collect_reads(const onnx::NodeProto& node, std::vector<std::string>& reads);

void collect_reads(const onnx::GraphProto& graph, std::vector<std::string>& reads) {
  for (const auto& node : graph.node()) collect_reads(node, reads);
  for (const auto& output : graph.output()) reads.push_back(output.name());
}

void collect_reads(const onnx::NodeProto& node, std::vector<std::string>& reads) {
  reads.insert(reads.end(), node.input().begin(), node.input().end());
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) collect_reads(attribute.g(), reads);
    for (const auto& graph : attribute.graphs()) collect_reads(graph, reads);
  }
}

template <class Field, class Keep>
void keep_if(Field& field, const Keep& keep) {  // in order; the elements themselves stay where they are in memory
  int kept = 0;
  for (int i = 0; i < field.size(); ++i) {
    if (!keep(field.Get(i))) continue;
    if (kept != i) field.SwapElements(kept, i);
    ++kept;
  }
  field.DeleteSubrange(kept, field.size() - kept);
}

struct Live {
  Names values;
  std::unordered_set<const onnx::NodeProto*> nodes;
};

// Backwards from the wanted outputs.
Live find_live(const onnx::GraphProto& graph, const std::string& origin) {
  std::unordered_map<std::string, const onnx::NodeProto*> producer;
  for (const auto& node : graph.node()) {
    for (const auto& output : node.output()) {
      if (!output.empty()) producer.emplace(output, &node);
    }
  }
  Names given;
  for (const auto& input : graph.input()) given.insert(input.name());
  for (const auto& tensor : graph.initializer()) given.insert(tensor.name());
  for (const auto& tensor : graph.sparse_initializer()) given.insert(tensor.values().name());

  Live live;
  std::vector<std::string> open;
  for (const auto& output : graph.output()) {
    if (!producer.contains(output.name()) && !given.contains(output.name())) {
      fail_with(ErrorCode::damaged, "{}: output '{}': no node makes it", origin, output.name());
    }
    open.push_back(output.name());
  }
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    if (!live.values.insert(name).second) continue;
    const auto found = producer.find(name);
    if (found != producer.end() && live.nodes.insert(found->second).second) collect_reads(*found->second, open);
  }
  return live;
}

}  // namespace

std::string trim_model(std::string_view bytes, std::span<const std::string_view> wanted, const std::string& origin) {
  onnx::ModelProto model;
  const bool fits = bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max());
  if (!fits || !model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !model.has_graph()) {
    fail_with(ErrorCode::damaged, "{}: found {} bytes that are not an ONNX model (truncated or damaged?)", origin,
              bytes.size());
  }
  onnx::GraphProto& graph = *model.mutable_graph();
  const std::string names = joined(graph.output(), [](const auto& output) { return "'" + output.name() + "'"; });
  keep_if(*graph.mutable_output(),
          [&](const auto& output) { return std::ranges::find(wanted, output.name()) != wanted.end(); });
  if (graph.output().empty()) {
    fail_with(ErrorCode::damaged, "{}: outputs: found {}, expected '{}'", origin, names.empty() ? "none" : names,
              wanted.empty() ? "" : wanted.front());
  }

  const Live live = find_live(graph, origin);
  keep_if(*graph.mutable_node(), [&](const auto& node) { return live.nodes.contains(&node); });
  const auto named = [&](const auto& value) { return live.values.contains(value.name()); };
  keep_if(*graph.mutable_initializer(), named);
  keep_if(*graph.mutable_input(), named);
  keep_if(*graph.mutable_value_info(), named);
  keep_if(*graph.mutable_sparse_initializer(), [&](const auto& tensor) { return named(tensor.values()); });
  for (const auto& tensor : graph.initializer()) {
    if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
      fail_with(ErrorCode::unsupported, "{}: initializer '{}': found weights in an external file, expected them inside",
                origin, tensor.name());
    }
  }
  return model.SerializeAsString();
}

}  // namespace triage::engine
