#include "exporting/plan/plan_model.h"

#include <algorithm>
#include <format>
#include <set>

#include "core/error.h"
#include "core/json.h"
#include "exporting/plan/operator_sets.h"
#include "exporting/plan/plan_fit.h"
#include "exporting/plan/plan_stages.h"
#include "exporting/score_nodes.h"
#include "runtime/answers.h"

namespace triage::exporting {
namespace {

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

// The images that come to a stage: all of a call at the first one.
TensorDimension batch_of(const PlanGraph& context, int index) {
  if (context.options.batch == 1 || (index == 0 && context.options.batch > 0)) return {context.options.batch, {}};
  return {0, index == 0 ? "N" : std::format("N{}", index)};
}

void add_outputs(onnx::GraphProto& graph, const PlanGraph& context, int index, const std::string& logits,
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

void leave_here(onnx::GraphProto& graph, const PlanGraph& context, int index, const ResultNames& names) {
  const plan::Stage& stage = context.plan.stages[static_cast<std::size_t>(index)];
  GraphBuilder builder(graph, {}, context.opset);
  const auto place = static_cast<std::int64_t>(index);
  const auto number = builder.constant(names.exit + "/index", {1}, std::span(&place, 1));
  const std::string &logits = context.logits[static_cast<std::size_t>(index)],
                    &mean = context.means[static_cast<std::size_t>(index)];
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
PlanGraph gather_those(const PlanGraph& context, GraphBuilder& builder, int index, const std::string& rows) {
  PlanGraph those = context;
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
void add_from(PlanGraph& context, onnx::GraphProto& graph, int index, const ResultNames& names) {
  const plan::Plan& plan = context.plan;
  const plan::Stage& stage = plan.stages[index];
  const bool last = index + 1 == static_cast<int>(plan.stages.size());
  const bool carries = feeds_later_stage(plan, index);
  const bool reads_features =
      !last && plan.policy == plan::PolicyKind::learned && stage.exit.router && stage.exit.router->feature_width > 0;

  std::set<std::string> wanted{"logits"};
  if (reads_features) wanted.insert("features");
  if (carries) wanted.insert("carry");
  add_stage(context, graph, index, wanted);
  GraphBuilder builder(graph, stage.name + "/", context.opset);
  if (answers_later(plan, index, index))
    context.answers[index] = add_probabilities(builder, stage.exit.temperature, context.logits[index]);
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
                               context.logits[index], context.features[index], so_far);
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
    GraphBuilder inside(go_on, next.name + "/those/", context.opset);
    PlanGraph those = gather_those(context, inside, index, rows);
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

// The plan with stages called so that no prefix "<name>/" begins another one.
plan::Plan with_prefixes(plan::Plan plan) {
  std::set<std::string> taken;
  for (auto& stage : plan.stages) {
    std::ranges::replace(stage.name, '/', '_');
    while (!taken.insert(stage.name).second) stage.name += "_";
  }
  return plan;
}

}  // namespace

onnx::ModelProto compose_plan(const plan::Plan& plan, std::span<const onnx::ModelProto> stages,
                              const PlanModelOptions& options) {
  if (options.batch < 0) fail("plan model: batch: expected 0 (free) or more, found {}", options.batch);
  check_stage_files(plan, stages, options.batch);
  std::vector<std::string> whats;
  for (const auto& stage : plan.stages) whats.push_back("plan model: stage " + stage.name);
  const std::vector<onnx::ModelProto> raised = of_one_opset(stages, kOpset, whats);
  const int opset = opset_of(raised.front());
  onnx::ModelProto model = new_model(plan.name.empty() ? "plan" : plan.name, opset);
  add_domains(raised, whats, model);
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
  const plan::Plan prefixed = with_prefixes(plan);
  PlanGraph context{.plan = prefixed,
                    .stages = raised,
                    .options = options,
                    .opset = opset,
                    .logits = none,
                    .features = none,
                    .carries = none,
                    .answers = none,
                    .means = none,
                    .inputs = {}};
  const plan::InputShape& in = plan.input;
  if (takes_pixels(plan)) {
    set_metadata(model, "triage.image", "uint8 [H, W, C], RGB");
    *graph.add_input() = pixel_input(plan, context.image);
  } else {
    *graph.add_input() =
        value_info(context.image, kFloat, {batch_of(context, 0), {in.channels, {}}, {in.height, {}}, {in.width, {}}});
  }
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
