#include "exporting/plan/operator_sets.h"

#include <onnx/defs/schema.h>
#include <onnx/inliner/inliner.h>
#include <onnx/shape_inference/implementation.h>
#include <onnx/version_converter/convert.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/error.h"
#include "core/rng.h"
#include "exporting/onnx_engine.h"

namespace triage::exporting {
namespace {

bool is_onnx(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

void each_node(const onnx::GraphProto& graph, const std::function<void(const onnx::NodeProto&)>& visit) {
  for (const auto& node : graph.node()) {
    visit(node);
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) each_node(attribute.g(), visit);
      for (const auto& inner : attribute.graphs()) each_node(inner, visit);
    }
  }
}

// The nodes whose operator is another one in the later set, or not there.
std::vector<const onnx::NodeProto*> changed_nodes(const onnx::GraphProto& graph, int from, int to) {
  std::vector<const onnx::NodeProto*> changed;
  each_node(graph, [&](const onnx::NodeProto& node) {
    if (!is_onnx(node.domain())) return;
    const auto* before = onnx::OpSchemaRegistry::Schema(node.op_type(), from);
    const auto* after = onnx::OpSchemaRegistry::Schema(node.op_type(), to);
    if (!before || !after || before->SinceVersion() != after->SinceVersion() || after->Deprecated())
      changed.push_back(&node);
  });
  return changed;
}

void set_opset(onnx::ModelProto& model, int opset) {
  for (auto& import : *model.mutable_opset_import())
    if (is_onnx(import.domain())) import.set_version(opset);
  model.set_ir_version(std::max<std::int64_t>(model.ir_version(), ir_version(opset)));
}

onnx::ModelProto converted(const onnx::ModelProto& model, int opset) {
  onnx::ModelProto inferred = model;
  onnx::shape_inference::InferShapes(inferred);  // some rewritings depend on shapes
  onnx::ModelProto made = onnx::version_conversion::ConvertVersion(inferred, opset);
  for (const auto& import : model.opset_import()) {  // the converter knows ONNX's own alone
    const auto same = [&](const auto& other) { return other.domain() == import.domain(); };
    if (!is_onnx(import.domain()) && std::ranges::none_of(made.opset_import(), same)) *made.add_opset_import() = import;
  }
  set_opset(made, opset);
  return made;
}

// Two images of noise, or as many as a model of one batch size takes.
void expect_same_answers(const onnx::ModelProto& model, const onnx::ModelProto& later, const std::string& what) {
  const auto& shape = model.graph().input(0).type().tensor_type().shape();
  const auto fixed = shape.dim_size() > 0 ? shape.dim(0).dim_value() : 0;
  const int count = fixed > 1 ? static_cast<int>(fixed) : 2;
  std::size_t size = 1;
  for (int i = 1; i < shape.dim_size(); ++i) size *= static_cast<std::size_t>(shape.dim(i).dim_value());
  std::vector<float> images(size * static_cast<std::size_t>(count));
  Rng rng(1);
  for (auto& value : images) value = static_cast<float>(rng.normal());
  const NamedOutputs expected = onnx_engine(what, model).run(images, count);
  const NamedOutputs found = onnx_engine(what, later).run(images, count);
  for (const auto& [name, values] : expected) {
    const auto& others = found.at(name);
    double largest = 1e-30;
    for (const float value : values) largest = std::max(largest, std::abs(double(value)));
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (others.size() != values.size() || !(std::abs(double(values[i]) - others[i]) <= kConvertedTolerance * largest))
        fail("output '{}': found {} in the later set, expected {}", name, others.size() > i ? others[i] : 0, values[i]);
    }
  }
}

std::string named(const onnx::NodeProto& node) {
  return std::format("node '{}' ({})", node.name().empty() && node.output_size() > 0 ? node.output(0) : node.name(),
                     node.op_type());
}

}  // namespace

int opset_of(const onnx::ModelProto& model) {
  for (const auto& import : model.opset_import())
    if (is_onnx(import.domain())) return static_cast<int>(import.version());
  return 0;
}

onnx::ModelProto with_opset(const onnx::ModelProto& model, int opset, const std::string& what) {
  const int from = opset_of(model);
  if (from > opset) fail("{}: operator set: found {}, expected at most {}", what, from, opset);
  onnx::ModelProto made = model;
  try {
    if (made.functions_size() > 0) onnx::inliner::InlineLocalFunctions(made, true);
  } catch (const std::exception& error) {
    fail("{}: its functions cannot be put in place of their calls: {}", what, error.what());
  }
  const auto changed = changed_nodes(made.graph(), from, opset);
  if (changed.empty()) {
    set_opset(made, opset);
    return made;
  }
  const auto refuse = [&](const std::string& why) {
    const auto about = std::ranges::find_if(
        changed, [&](const auto* node) { return why.find(" " + node->op_type()) != std::string::npos; });
    fail("{}: {}: cannot be brought from operator set {} to {}: {}", what,
         about != changed.end() ? named(**about)
                                : std::format("{} nodes, the first {}", changed.size(), named(*changed.front())),
         from, opset, why);
  };
  onnx::ModelProto later;
  try {
    later = converted(made, opset);
    expect_same_answers(made, later, what);
  } catch (const std::exception& error) {
    refuse(error.what());
  }
  return later;
}

std::vector<onnx::ModelProto> of_one_opset(std::span<const onnx::ModelProto> models, int least,
                                           std::span<const std::string> whats) {
  for (const auto& model : models) least = std::max(least, opset_of(model));
  std::vector<onnx::ModelProto> raised;
  for (std::size_t i = 0; i < models.size(); ++i) raised.push_back(with_opset(models[i], least, whats[i]));
  return raised;
}

void add_domains(std::span<const onnx::ModelProto> models, std::span<const std::string> whats, onnx::ModelProto& into) {
  for (std::size_t i = 0; i < models.size(); ++i) {
    into.set_ir_version(std::max(into.ir_version(), models[i].ir_version()));
    for (const auto& import : models[i].opset_import()) {
      if (is_onnx(import.domain())) continue;
      const auto known = std::ranges::find_if(into.opset_import(),
                                              [&](const auto& other) { return other.domain() == import.domain(); });
      if (known == into.opset_import().end()) {
        *into.add_opset_import() = import;
      } else if (known->version() != import.version()) {
        fail("{}: operators of '{}': found version {}, expected {} as a stage before it has", whats[i], import.domain(),
             import.version(), known->version());
      }
    }
  }
}

}  // namespace triage::exporting
