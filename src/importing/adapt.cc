#include "importing/adapt.h"

#include <onnx/shape_inference/implementation.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <format>
#include <numeric>
#include <set>

#include "core/error.h"
#include "exporting/graph_builder.h"
#include "model/onnx/read.h"
#include "model/onnx/write.h"
#include "model/shapes.h"

namespace triage::importing {
namespace {

using exporting::GraphBuilder;

constexpr const char* kOurs[] = {"image", "logits", "features", "carry_in", "carry", "score"};

// Calls visit(name) for every name of a value in the graph and the graphs inside its nodes; visit may change it.
template <class Visit>
void each_value(onnx::GraphProto& graph, Visit&& visit) {
  for (auto& tensor : *graph.mutable_initializer()) visit(*tensor.mutable_name());
  for (auto* list : {graph.mutable_input(), graph.mutable_output(), graph.mutable_value_info()}) {
    for (auto& value : *list) visit(*value.mutable_name());
  }
  for (auto& node : *graph.mutable_node()) {
    for (auto& name : *node.mutable_input()) visit(name);
    for (auto& name : *node.mutable_output()) visit(name);
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) each_value(*attribute.mutable_g(), visit);
      for (auto& inner : *attribute.mutable_graphs()) each_value(inner, visit);
    }
  }
}

struct Names {  // of the network's own values, after the renaming
  std::string input, output, features;
};

Names with_free_names(onnx::GraphProto& graph, const OnnxNet& net, const std::string& features) {
  std::set<std::string> taken;
  each_value(graph, [&](std::string& name) { taken.insert(name); });
  const auto renamed = [&](const std::string& name) {
    if (std::ranges::find(kOurs, name) == std::end(kOurs)) return name;
    std::string free = name + "_of_net";
    while (taken.contains(free)) free += "_";
    return free;
  };
  each_value(graph, [&](std::string& name) { name = renamed(name); });
  return {renamed(net.input.name), renamed(net.output.name), features.empty() ? "" : renamed(features)};
}

// A Softmax that makes `value` lets its input pass.
void without_softmax(onnx::GraphProto& graph, std::string value) {
  for (;;) {
    const auto made = std::ranges::find_if(*graph.mutable_node(), [&](const auto& node) {
      return std::ranges::find(node.output(), value) != node.output().end();
    });
    if (made->op_type() == "Softmax") {
      made->set_op_type("Identity");
      made->clear_attribute();
      return;
    }
    value = made->input(0);
  }
}

// Shapes that hold the batch size as a number: those that Reshape takes. 0 copies the size of its input.
void free_reshapes(onnx::GraphProto& graph, std::int64_t batch) {
  std::set<std::string> shapes;
  for (const auto& node : graph.node()) {
    if (node.op_type() == "Reshape" && node.input_size() > 1) shapes.insert(node.input(1));
  }
  const auto free = [batch](onnx::TensorProto& tensor) {
    if (tensor.data_type() != onnx::TensorProto::INT64) return;
    if (tensor.has_raw_data() && tensor.raw_data().size() >= sizeof(std::int64_t)) {
      std::int64_t first = 0;
      std::memcpy(&first, tensor.raw_data().data(), sizeof first);
      if (first != batch) return;
      const std::int64_t copied = 0;
      std::memcpy(tensor.mutable_raw_data()->data(), &copied, sizeof copied);
    } else if (tensor.int64_data_size() > 0 && tensor.int64_data(0) == batch) {
      tensor.set_int64_data(0, 0);
    }
  };
  for (auto& tensor : *graph.mutable_initializer()) {
    if (shapes.contains(tensor.name())) free(tensor);
  }
  for (auto& node : *graph.mutable_node()) {
    if (node.op_type() != "Constant" || node.output_size() == 0 || !shapes.contains(node.output(0))) continue;
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_t()) free(*attribute.mutable_t());
    }
  }
}

void cast(GraphBuilder& builder, int to) { builder.attribute("to", std::int64_t{to}); }

// The node's input becomes the network's; its name is given to it, so it stands before all others.
void add_image(onnx::GraphProto& graph, const OnnxNet& net, const std::string& input) {
  onnx::GraphProto front;
  GraphBuilder builder(front);
  if (net.input.type == onnx::TensorProto::FLOAT) {
    builder.node("Identity", {"image"}, input);
  } else {
    builder.node("Cast", {"image"}, input);
    cast(builder, net.input.type);
  }
  for (auto& node : *graph.mutable_node()) front.add_node()->Swap(&node);
  graph.mutable_node()->Swap(front.mutable_node());
}

std::string as_float(GraphBuilder& builder, const std::string& value, const std::string& name) {
  const std::string made = builder.node("Cast", {value}, name);
  cast(builder, onnx::TensorProto::FLOAT);
  return made;
}

// value: the network's answer, [N, C], [C] or [N, C, 1, 1].
void add_logits(onnx::GraphProto& graph, const OnnxNet& net, const Adaptation& adaptation, std::string value) {
  GraphBuilder builder(graph, "triage_");
  if (net.output.type != onnx::TensorProto::FLOAT) value = as_float(builder, value, "answer_float");
  if (net.output.dims.size() == 1) {
    const std::string shape = builder.constant("answer_shape", {2}, std::vector<std::int64_t>{1, -1});
    value = builder.node("Reshape", {value, shape}, "answer_row");
  } else if (net.output.dims.size() > 2) {
    value = builder.node("Flatten", {value}, "answer_row");
    builder.attribute("axis", std::int64_t{1});
  }
  if (adaptation.answer == AnswerKind::probabilities) {
    constexpr float kSmallest = 1e-9f;  // a probability of 0 has no logarithm
    value = builder.node("Add", {value, builder.constant("smallest", {1}, std::vector{kSmallest})}, "positive");
    value = builder.node("Log", {value}, "log");
  }
  if (!adaptation.class_at.empty()) {
    const std::vector<std::int64_t> at(adaptation.class_at.begin(), adaptation.class_at.end());
    value = builder.node("Gather", {value, builder.constant("class_at", {static_cast<std::int64_t>(at.size())}, at)},
                         "classes");
    builder.attribute("axis", std::int64_t{1});
  }
  GraphBuilder(graph).node("Identity", {value}, "logits");
}

// rank: of the value; 2: it is pooled already.
void add_features(onnx::GraphProto& graph, std::string value, int rank) {
  GraphBuilder builder(graph, "triage_");
  value = as_float(builder, value, "features_float");
  if (rank > 2) value = builder.node("GlobalAveragePool", {value}, "pooled");
  GraphBuilder named(graph);
  named.node("Flatten", {value}, "features");
  named.attribute("axis", std::int64_t{1});
}

// Of a value of the network, [N, F] or [N, F, ...].
int rank_of(const OnnxNet& net, const std::string& value) {
  onnx::ModelProto inferred = net.model;
  std::string why;  // an operator that it does not know; what it found before is there
  try {
    onnx::shape_inference::InferShapes(inferred);
  } catch (const std::exception& error) {
    why = std::format(" ({})", error.what());
  }
  for (const auto* list : {&inferred.graph().value_info(), &inferred.graph().output()}) {
    for (const auto& info : *list) {
      if (info.name() != value || !info.type().tensor_type().has_shape()) continue;
      const int rank = info.type().tensor_type().shape().dim_size();
      if (rank < 2) fail("{}: value '{}': found rank {}, expected [N, F] or a map", net.file.string(), value, rank);
      return rank;
    }
  }
  fail("{}: value '{}': its shape is not known, expected [N, F] or a map{}", net.file.string(), value, why);
}

exporting::TensorDimension batch_dimension(int fixed) {
  return fixed > 0 ? exporting::TensorDimension{.size = fixed, .name = {}}
                   : exporting::TensorDimension{.size = 0, .name = "N"};
}

}  // namespace

std::string to_string(AnswerKind kind) { return kind == AnswerKind::probabilities ? "probabilities" : "logits"; }

onnx::ModelProto adapted(const OnnxNet& net, const Adaptation& adaptation) {
  onnx::ModelProto model = net.model;
  onnx::GraphProto& graph = *model.mutable_graph();
  const Names names = with_free_names(graph, net, adaptation.features);
  if (net.output.softmax) without_softmax(graph, names.output);
  const int batch = adaptation.free_batch ? 0 : net.input.batch;
  if (net.input.batch > 0 && batch == 0) free_reshapes(graph, net.input.batch);
  graph.clear_value_info();  // they may hold the old batch, and engines find them out themselves
  add_image(graph, net, names.input);
  add_logits(graph, net, adaptation, names.output);
  if (!names.features.empty()) add_features(graph, names.features, rank_of(net, adaptation.features));

  const NetInput& in = net.input;
  const bool nchw = in.layout == preprocess::Layout::nchw;
  using Dims = std::vector<exporting::TensorDimension>;
  std::set<std::string> nodes;  // of theirs and ours some may be called the same, which engines refuse
  for (auto& node : *graph.mutable_node()) {
    if (!nodes.insert(node.name()).second) node.clear_name();
  }
  graph.clear_input();  // old files list their initializers, too
  *graph.add_input() =
      exporting::value_info("image", exporting::kFloat,
                            nchw ? Dims{batch_dimension(batch), {in.channels, {}}, {in.height, {}}, {in.width, {}}}
                                 : Dims{batch_dimension(batch), {in.height, {}}, {in.width, {}}, {in.channels, {}}});
  constexpr int kInputsAlone = 4;  // the first version in which an initializer need not be an input
  model.set_ir_version(std::max<std::int64_t>(model.ir_version(), kInputsAlone));
  graph.clear_output();
  const int classes = adaptation.class_at.empty() ? net.width : static_cast<int>(adaptation.class_at.size());
  *graph.add_output() = exporting::value_info("logits", exporting::kFloat, {batch_dimension(batch), {classes, {}}});
  if (!names.features.empty()) {
    onnx::ValueInfoProto& features = *graph.add_output();
    features.set_name("features");
    features.mutable_type()->mutable_tensor_type()->set_elem_type(exporting::kFloat);
  }
  return model;
}

std::optional<onnx::ModelProto> folded(const onnx::ModelProto& model, const fs::path& file) {
  try {
    model::Graph graph = model::from_onnx(model, file.string(), file.parent_path());
    const std::size_t nodes = graph.nodes.size();
    model::fold_constants(graph);
    if (graph.nodes.size() == nodes) return std::nullopt;
    return model::to_onnx(graph);
  } catch (const Error&) {  // an engine may still run it
    return std::nullopt;
  }
}

AnswerKind answer_kind(std::span<const float> answers, std::size_t width, const std::string& origin) {
  if (answers.empty() || width == 0 || answers.size() % width != 0)
    fail("{}: found {} values, expected some rows of {}", origin, answers.size(), width);
  if (!std::ranges::all_of(answers, [](float value) { return std::isfinite(value); }))
    fail("{}: answers: found values that are not finite, expected those of a classifier", origin);
  bool probabilities = true, all_same = answers.size() > width;
  for (std::size_t row = 0; row < answers.size(); row += width) {
    const auto values = answers.subspan(row, width);
    const double sum = std::accumulate(values.begin(), values.end(), 0.0);
    constexpr double kRounding = 0.02;  // of 8 bits
    probabilities = probabilities && std::abs(sum - 1) < kRounding &&
                    std::ranges::all_of(values, [](float value) { return value >= 0 && value <= 1 + kRounding; });
    all_same = all_same && std::ranges::equal(values, answers.first(width));
  }
  if (all_same) fail("{}: answers: found the same for every image, expected those of a classifier", origin);
  return probabilities ? AnswerKind::probabilities : AnswerKind::logits;
}

}  // namespace triage::importing
