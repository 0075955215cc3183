#include "export/plan_model.h"

#include <map>
#include <set>

#include "core/error.h"
#include "core/json.h"
#include "export/score_nodes.h"

namespace triage::exporting {
namespace {

struct Context {
  const plan::Plan& plan;
  std::span<const onnx::ModelProto> stages;
  std::vector<std::string> carries;  // full name of each stage's carried map, once it is in the graph; else empty
};

bool feeds_later_stage(const plan::Plan& plan, int stage) {
  for (const auto& later : plan.stages)
    if (later.input == plan::StageInput::features && later.source == stage) return true;
  return false;
}

void expect_output(const std::string& stage, const onnx::GraphProto& graph, const std::string& name) {
  for (const auto& output : graph.output())
    if (output.name() == name) return;
  fail("plan model: stage {}: its file has no output \"{}\"", stage, name);
}

// Copies the nodes behind `wanted` and their constants, with every name prefixed, except the stage's input, which
// becomes `input`.
void append_stage(onnx::GraphProto& into, const std::string& stage, const onnx::GraphProto& from,
                  const std::set<std::string>& wanted, const std::string& input) {
  if (from.input_size() != 1) fail("plan model: stage {}: found {} inputs, expected 1", stage, from.input_size());
  for (const auto& name : wanted) expect_output(stage, from, name);
  const auto renamed = [&](const std::string& name) {
    return name.empty() ? name : name == from.input(0).name() ? input : stage + "/" + name;
  };
  std::set<std::string> needed = wanted;
  std::vector<const onnx::NodeProto*> nodes;  // backwards; an ONNX graph is sorted topologically
  for (int i = from.node_size() - 1; i >= 0; --i) {
    const onnx::NodeProto& node = from.node(i);
    bool used = false;
    for (const auto& output : node.output()) used = used || needed.count(output);
    if (!used) continue;
    nodes.push_back(&node);
    for (const auto& name : node.input()) needed.insert(name);
  }
  for (const auto& tensor : from.initializer()) {
    if (!needed.count(tensor.name())) continue;
    onnx::TensorProto& copy = *into.add_initializer();
    copy = tensor;
    copy.set_name(renamed(tensor.name()));
  }
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    onnx::NodeProto& copy = *into.add_node();
    copy = **node;
    copy.set_name(renamed(copy.name()));
    for (auto& name : *copy.mutable_input()) name = renamed(name);
    for (auto& name : *copy.mutable_output()) name = renamed(name);
    for (const auto& attribute : copy.attribute())
      if (attribute.has_g() || attribute.graphs_size())
        fail("plan model: stage {}: node {} holds a graph of its own, which is not supported", stage, copy.name());
  }
}

std::string input_name(const Context& context, int index) {
  const plan::Stage& stage = context.plan.stages[index];
  if (stage.input == plan::StageInput::image) return "image";
  if (stage.source < 0 || stage.source >= index)
    fail("plan model: stage {}: found source {}, expected a stage before it", stage.name, stage.source);
  return context.carries[stage.source];
}

void add_outputs(onnx::GraphProto& graph, const plan::Plan& plan, const std::string& logits, const std::string& exit) {
  *graph.add_output() = value_info(logits, kFloat, {{1, {}}, {static_cast<std::int64_t>(plan.classes.size()), {}}});
  *graph.add_output() = value_info(exit, onnx::TensorProto::INT64, {{1, {}}});
}

// The names of an exit's two results: plain at the top, prefixed in branches, where they must not hide outer ones.
struct ResultNames {
  std::string logits, exit;
};

void leave_here(onnx::GraphProto& graph, const plan::Stage& stage, int index, const ResultNames& names) {
  GraphBuilder builder(graph);
  const auto place = static_cast<std::int64_t>(index);
  const auto number = builder.constant(names.exit + "/index", {1}, std::span(&place, 1));
  builder.node("Identity", {stage.name + "/logits"}, names.logits);
  builder.node("Identity", {number}, names.exit);
}

void add_graph_attribute(onnx::NodeProto& node, const std::string& name, const onnx::GraphProto& graph) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::GRAPH);
  *attribute.mutable_g() = graph;
}

// Puts stage `index` and all that follow it into the graph, ending in the two named results.
void add_from(Context& context, onnx::GraphProto& graph, int index, const ResultNames& names) {
  const plan::Plan& plan = context.plan;
  const plan::Stage& stage = plan.stages[index];
  const bool last = index + 1 == static_cast<int>(plan.stages.size());
  const bool carries = feeds_later_stage(plan, index);
  const bool reads_features =
      !last && plan.policy == plan::PolicyKind::learned && stage.exit.router && stage.exit.router->feature_width > 0;

  std::set<std::string> wanted{"logits"};
  if (reads_features) wanted.insert("features");
  if (carries) wanted.insert("carry");
  append_stage(graph, stage.name, context.stages[index].graph(), wanted, input_name(context, index));
  context.carries[index] = carries ? stage.name + "/carry" : "";
  if (last) {
    leave_here(graph, stage, index, names);
    return;
  }

  GraphBuilder builder(graph, stage.name + "/");
  const auto score = add_score(builder, plan.policy, stage.exit, static_cast<int>(plan.classes.size()),
                               stage.name + "/logits", reads_features ? stage.name + "/features" : "");
  const auto threshold = builder.constant("router/threshold", float_threshold(stage.exit.threshold));
  const auto escalate = builder.node("Greater", {score, threshold}, "router/escalate");

  onnx::GraphProto go_on, stop;
  const plan::Stage& next = plan.stages[index + 1];
  const ResultNames then_names{next.name + "/result", next.name + "/exit"};
  go_on.set_name(next.name);
  add_from(context, go_on, index + 1, then_names);
  add_outputs(go_on, plan, then_names.logits, then_names.exit);
  const ResultNames else_names{stage.name + "/stop/result", stage.name + "/stop/exit"};
  stop.set_name(stage.name + "/stop");
  leave_here(stop, stage, index, else_names);
  add_outputs(stop, plan, else_names.logits, else_names.exit);

  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type("If");
  node.set_name(stage.name + "/escalate");
  node.add_input(escalate);
  node.add_output(names.logits);
  node.add_output(names.exit);
  add_graph_attribute(node, "then_branch", go_on);
  add_graph_attribute(node, "else_branch", stop);
}

void check_fit(const plan::Plan& plan, std::span<const onnx::ModelProto> stages) {
  if (plan.stages.empty()) fail("plan model: plan {} has no stages", plan.name);
  if (stages.size() != plan.stages.size())
    fail("plan model: found {} stage models, expected {}", stages.size(), plan.stages.size());
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const std::string& name = plan.stages[i].name;
    if (stages[i].opset_import_size() != 1 || stages[i].opset_import(0).version() != kOpset)
      fail("plan model: stage {}: expected operator set {} alone", name, kOpset);
    const auto arch = metadata(stages[i], "triage.arch");
    if (!arch.empty() && arch != plan.stages[i].arch.text())
      fail("plan model: stage {}: its file is for the net {}, the plan names {}", name, arch,
           plan.stages[i].arch.text());
    const auto classes = metadata(stages[i], "triage.classes");
    if (!classes.empty() && classes != Json(plan.classes).dump())
      fail("plan model: stage {}: its file has the classes {}, the plan {}", name, classes, Json(plan.classes).dump());
  }
}

}  // namespace

onnx::ModelProto compose_plan(const plan::Plan& plan, std::span<const onnx::ModelProto> stages) {
  check_fit(plan, stages);
  onnx::ModelProto model = new_model(plan.name.empty() ? "plan" : plan.name);
  Json names = Json::array(), thresholds = Json::array();
  for (const auto& stage : plan.stages) {
    names.push_back(stage.name);
    if (names.size() < plan.stages.size()) thresholds.push_back(stage.exit.threshold);
  }
  set_metadata(model, "triage.plan", plan.name);
  set_metadata(model, "triage.policy", plan::to_string(plan.policy));
  set_metadata(model, "triage.stages", names.dump());
  set_metadata(model, "triage.thresholds", thresholds.dump());
  set_metadata(model, "triage.classes", Json(plan.classes).dump());

  onnx::GraphProto& graph = *model.mutable_graph();
  *graph.add_input() = value_info(
      "image", kFloat, {{1, {}}, {plan.input.channels, {}}, {plan.input.height, {}}, {plan.input.width, {}}});
  Context context{plan, stages, std::vector<std::string>(plan.stages.size())};
  add_from(context, graph, 0, {"logits", "exit"});
  add_outputs(graph, plan, "logits", "exit");
  check_model(model, "plan " + plan.name);
  return model;
}

onnx::ModelProto compose_plan(const fs::path& directory) {
  const plan::Plan plan = plan::load_plan(directory);
  std::vector<onnx::ModelProto> stages;
  for (const auto& stage : plan.stages) {
    const fs::path file = directory / stage.onnx;
    if (const std::string found = sha256_file(file); found != stage.sha256)
      fail("{}: damaged: found checksum {}, plan.json names {}", file.string(), found, stage.sha256);
    stages.push_back(load_model(file));
  }
  return compose_plan(plan, stages);
}

}  // namespace triage::exporting
