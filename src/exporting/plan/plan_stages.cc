#include "exporting/plan/plan_stages.h"

#include <algorithm>

#include "core/error.h"
#include "exporting/plan/plan_fit.h"
#include "exporting/plan/preprocess_nodes.h"
#include "exporting/plan/stage_nodes.h"
#include "preprocess/network_input.h"

namespace triage::exporting {
namespace {

// What an image stage without preprocessing of its own takes where the model takes pixels.
preprocess::Preprocess preprocess_of(const plan::Plan& plan, const plan::Stage& stage) {
  if (stage.preprocess) return *stage.preprocess;
  return preprocess::plain_preprocess(
      {.height = plan.input.height, .width = plan.input.width, .channels = plan.input.channels});
}

// Pixels become the input of the stage where no stage before it has had the same.
std::string preprocessed(PlanGraph& context, GraphBuilder& builder, const plan::Stage& stage) {
  const preprocess::Preprocess spec = preprocess_of(context.plan, stage);
  const auto known = std::ranges::find_if(context.inputs, [&](const auto& input) { return input.first == spec; });
  if (known != context.inputs.end()) return known->second;
  try {
    context.inputs.emplace_back(spec, add_preprocess(builder, spec, context.image, image_channels(context.plan)));
  } catch (const Error& error) {
    fail("plan model: stage {}: {}", stage.name, error.what());
  }
  return context.inputs.back().second;
}

std::string input_name(PlanGraph& context, GraphBuilder& builder, int index) {
  const plan::Stage& stage = context.plan.stages[index];
  if (stage.input == plan::StageInput::image)
    return takes_pixels(context.plan) ? preprocessed(context, builder, stage) : context.image;
  if (stage.source < 0 || stage.source >= index)
    fail("plan model: stage {}: found source {}, expected a stage before it", stage.name, stage.source);
  return context.carries[stage.source];
}

}  // namespace

void add_stage(PlanGraph& context, onnx::GraphProto& graph, int index, const std::set<std::string>& wanted) {
  const plan::Stage& stage = context.plan.stages[index];
  const onnx::GraphProto& file = context.stages[index].graph();
  const auto at = static_cast<std::size_t>(index);
  GraphBuilder builder(graph, stage.name + "/", context.opset);
  std::string input = input_name(context, builder, index);
  const std::int64_t batch = fixed_batch(file);
  if (batch > 1) {
    std::vector<std::int64_t> filling(2 *
                                      static_cast<std::size_t>(file.input(0).type().tensor_type().shape().dim_size()));
    filling[filling.size() / 2] = batch - 1;
    const auto pads = builder.constant("batch/filling", {static_cast<std::int64_t>(filling.size())}, filling);
    input = builder.node("Pad", {input, pads}, "batch/images");
  }
  const std::string prefix = stage.name + (is_imported(stage) ? "/net/" : "/");
  append_stage(graph, stage.name, file, wanted, input, prefix);
  const auto made = [&](const char* name) {
    if (!wanted.contains(name)) return std::string();
    if (batch <= 1) return prefix + name;
    const std::vector<std::int64_t> none{0}, one{1};
    const std::string place = std::string("batch/") + name;
    return builder.node(
        "Slice",
        {prefix + name, builder.constant(place + "_first", {1}, none), builder.constant(place + "_end", {1}, one)},
        place);
  };
  context.logits[at] = made("logits");
  context.features[at] = made("features");
  context.carries[at] = made("carry");
}

}  // namespace triage::exporting
