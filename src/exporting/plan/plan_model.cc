#include "exporting/plan/plan_model.h"

#include <format>
#include <map>
#include <set>

#include "core/error.h"
#include "core/json.h"
#include "exporting/score_nodes.h"
#include "runtime/answers.h"

namespace triage::exporting {
namespace {

struct Context {
  const plan::Plan& plan;
  std::span<const onnx::ModelProto> stages;
  PlanModelOptions options;
  std::vector<std::string> carries;  // full name of each stage's carried map, once it is in the graph; else empty
  std::vector<std::string> answers;  // the same of its probabilities, where an exit reads them
  std::vector<std::string> means;    // by exit: of the probabilities it answers from; empty: its own logits
  std::string image = "image";       // of the images that come to the stage
};

// Whether an exit from `from` on reads the probabilities of `stage`.
bool answers_later(const plan::Plan& plan, int stage, int from) {
  const int stages = static_cast<int>(plan.stages.size());
  for (int k = from; k < stages; ++k) {
    const runtime::ExitAnswer answer(plan.stages[static_cast<std::size_t>(k)].exit, plan.policy, k, k + 1 == stages);
    if (answer.reads(stage)) return true;
  }
  return false;
}

// Whether a stage from `from` on reads the carried map of `stage`.
bool feeds_later_stage(const plan::Plan& plan, int stage, int from = 0) {
  for (std::size_t i = static_cast<std::size_t>(from); i < plan.stages.size(); ++i)
    if (plan.stages[i].input == plan::StageInput::features && plan.stages[i].source == stage) return true;
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
  if (stage.input == plan::StageInput::image) return context.image;
  if (stage.source < 0 || stage.source >= index)
    fail("plan model: stage {}: found source {}, expected a stage before it", stage.name, stage.source);
  return context.carries[stage.source];
}

// The images that come to a stage: all of a call at the first one.
TensorDimension batch_of(const Context& context, int index) {
  if (context.options.batch == 1 || (index == 0 && context.options.batch > 0)) return {context.options.batch, {}};
  return {0, index == 0 ? "N" : std::format("N{}", index)};
}

void add_outputs(onnx::GraphProto& graph, const Context& context, int index, const std::string& logits,
                 const std::string& exit) {
  const TensorDimension batch = batch_of(context, index);
  const auto classes = static_cast<std::int64_t>(context.plan.classes.size());
  *graph.add_output() = value_info(logits, kFloat, {batch, {classes, {}}});
  *graph.add_output() = value_info(exit, onnx::TensorProto::INT64, {batch});
}

// The names of an exit's two results: plain at the top, prefixed in branches, where they must not hide outer ones.
struct ResultNames {
  std::string logits, exit;
};

void leave_here(onnx::GraphProto& graph, const Context& context, int index, const ResultNames& names) {
  const plan::Stage& stage = context.plan.stages[static_cast<std::size_t>(index)];
  GraphBuilder builder(graph);
  const auto place = static_cast<std::int64_t>(index);
  const auto number = builder.constant(names.exit + "/index", {1}, std::span(&place, 1));
  const std::string logits = stage.name + "/logits", &mean = context.means[static_cast<std::size_t>(index)];
  if (!mean.empty()) {  // logits whose softmax at the exit's temperature is the mean
    const auto calibrated = add_logarithm(builder, mean, names.logits);
    const auto factor = context.options.calibrated ? 1.0f : static_cast<float>(stage.exit.temperature);
    builder.node("Mul", {calibrated, builder.constant(names.logits + "/temperature", factor)}, names.logits);
  } else if (context.options.calibrated) {
    const auto temperature =
        builder.constant(names.logits + "/temperature", static_cast<float>(stage.exit.temperature));
    builder.node("Div", {logits, temperature}, names.logits);
  } else {
    builder.node("Identity", {logits}, names.logits);
  }
  if (context.options.batch == 1) {
    builder.node("Identity", {number}, names.exit);
    return;
  }
  const auto images = builder.node("Shape", {logits}, names.exit + "/images");
  builder.attribute("start", std::int64_t{0}).attribute("end", std::int64_t{1});
  builder.node("Expand", {number, images}, names.exit);
}

void add_graph_attribute(onnx::NodeProto& node, const std::string& name, const onnx::GraphProto& graph) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::GRAPH);
  *attribute.mutable_g() = graph;
}

// In a batch the then-branch goes on with some of the images: gathers what later stages read of them.
Context gather_those(const Context& context, GraphBuilder& builder, int index, const std::string& rows) {
  Context those = context;
  const auto gather = [&](const std::string& name, const std::string& as) {
    const std::string gathered = builder.node("Gather", {name, rows}, as);
    builder.attribute("axis", std::int64_t{0});
    return gathered;
  };
  bool reads_image = false;
  for (std::size_t i = static_cast<std::size_t>(index) + 1; i < context.plan.stages.size(); ++i)
    reads_image = reads_image || context.plan.stages[i].input == plan::StageInput::image;
  if (reads_image) those.image = gather(context.image, "image");
  for (int source = 0; source <= index; ++source) {
    std::string& carried = those.carries[static_cast<std::size_t>(source)];
    if (!carried.empty() && feeds_later_stage(context.plan, source, index + 1))
      carried = gather(carried, std::format("carry{}", source));
    std::string& answer = those.answers[static_cast<std::size_t>(source)];
    if (!answer.empty() && answers_later(context.plan, source, index + 1))
      answer = gather(answer, std::format("answer{}", source));
  }
  return those;
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
  GraphBuilder builder(graph, stage.name + "/");
  if (answers_later(plan, index, index))
    context.answers[index] = add_probabilities(builder, stage.exit.temperature, stage.name + "/logits");
  if (!stage.exit.answer_weights.empty())
    context.means[index] = add_mean(builder, stage.exit.answer_weights, context.answers);
  if (last) {
    leave_here(graph, context, index, names);
    return;
  }

  AnswersSoFar so_far{.mean = context.means[index], .compared = {}};
  if (plan.policy == plan::PolicyKind::agreement && index > 0)
    so_far.compared.assign(context.answers.begin(), context.answers.begin() + index + 1);
  const auto score = add_score(builder, plan.policy, stage.exit, static_cast<int>(plan.classes.size()),
                               stage.name + "/logits", reads_features ? stage.name + "/features" : "", so_far);
  const auto threshold = builder.constant("router/threshold", float_threshold(stage.exit.threshold));
  const auto escalate = builder.node("Greater", {score, threshold}, "router/escalate");

  onnx::GraphProto go_on, stop;
  const plan::Stage& next = plan.stages[index + 1];
  ResultNames then_names{next.name + "/result", next.name + "/exit"};
  go_on.set_name(next.name);
  std::string condition = escalate;
  if (context.options.batch == 1) {
    add_from(context, go_on, index + 1, then_names);
  } else {
    const std::int64_t all = -1, column = 1, none = 0;
    const auto rows = builder.node("Reshape",
                                   {builder.node("NonZero", {escalate}, "router/nonzero"),
                                    builder.constant("router/all", {1}, std::span(&all, 1))},
                                   "router/rows");
    condition = builder.node(
        "Greater",
        {builder.node("Size", {rows}, "router/going"), builder.constant("router/none", {}, std::span(&none, 1))},
        "router/any");
    GraphBuilder inside(go_on, next.name + "/those/");
    Context those = gather_those(context, inside, index, rows);
    add_from(those, go_on, index + 1, then_names);
    const ResultNames own{stage.name + "/own/result", stage.name + "/own/exit"};
    leave_here(go_on, context, index, own);
    const auto places = inside.node("Unsqueeze", {rows, inside.constant("axis", {1}, std::span(&column, 1))}, "places");
    then_names = {inside.node("ScatterND", {own.logits, places, then_names.logits}, "result"),
                  inside.node("ScatterND", {own.exit, places, then_names.exit}, "exit")};
  }
  add_outputs(go_on, context, index, then_names.logits, then_names.exit);
  const ResultNames else_names{stage.name + "/stop/result", stage.name + "/stop/exit"};
  stop.set_name(stage.name + "/stop");
  leave_here(stop, context, index, else_names);
  add_outputs(stop, context, index, else_names.logits, else_names.exit);

  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type("If");
  node.set_name(stage.name + "/escalate");
  node.add_input(condition);
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

onnx::ModelProto compose_plan(const plan::Plan& plan, std::span<const onnx::ModelProto> stages,
                              const PlanModelOptions& options) {
  check_fit(plan, stages);
  if (options.batch < 0) fail("plan model: batch: expected 0 (free) or more, found {}", options.batch);
  onnx::ModelProto model = new_model(plan.name.empty() ? "plan" : plan.name);
  Json names = Json::array(), thresholds = Json::array(), temperatures = Json::array();
  for (const auto& stage : plan.stages) {
    names.push_back(stage.name);
    temperatures.push_back(stage.exit.temperature);
    if (names.size() < plan.stages.size()) thresholds.push_back(stage.exit.threshold);
  }
  set_metadata(model, "triage.plan", plan.name);
  set_metadata(model, "triage.policy", plan::to_string(plan.policy));
  set_metadata(model, "triage.stages", names.dump());
  set_metadata(model, "triage.thresholds", thresholds.dump());
  set_metadata(model, "triage.classes", Json(plan.classes).dump());
  set_metadata(model, "triage.temperatures", temperatures.dump());
  set_metadata(model, "triage.logits", options.calibrated ? "calibrated" : "raw");

  onnx::GraphProto& graph = *model.mutable_graph();
  const std::vector<std::string> none(plan.stages.size());
  Context context{plan, stages, options, none, none, none};
  *graph.add_input() =
      value_info(context.image, kFloat,
                 {batch_of(context, 0), {plan.input.channels, {}}, {plan.input.height, {}}, {plan.input.width, {}}});
  add_from(context, graph, 0, {"logits", "exit"});
  add_outputs(graph, context, 0, "logits", "exit");
  check_model(model, "plan " + plan.name);
  return model;
}

onnx::ModelProto compose_plan(const fs::path& directory, const PlanModelOptions& options) {
  const plan::Plan plan = plan::load_plan(directory);
  std::vector<onnx::ModelProto> stages;
  for (const auto& stage : plan.stages) {
    const fs::path file = directory / stage.onnx;
    if (const std::string found = sha256_file(file); found != stage.sha256)
      fail("{}: damaged: found checksum {}, plan.json names {}", file.string(), found, stage.sha256);
    stages.push_back(load_model(file));
  }
  return compose_plan(plan, stages, options);
}

}  // namespace triage::exporting
