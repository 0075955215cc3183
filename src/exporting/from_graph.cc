#include "exporting/from_graph.h"

#include "core/error.h"

namespace triage::exporting {

StageModel stage_from_graph(const compiler::StageGraph& graph, const plan::Plan& plan, std::size_t index) {
  const plan::Stage& of = plan.stages.at(index);
  if (graph.int8()) fail("stage '{}': found it in int8, expected fp32", of.name);
  StageModel stage;
  stage.name = of.name;
  stage.arch = of.arch;
  stage.input = plan.input;
  stage.classes = plan.classes;
  stage.first_block = graph.convs.front().layer.block;
  stage.last_block = graph.convs.back().layer.block + 1;
  if (graph.reads_image) {
    stage.mean = graph.mean;
    stage.stddev.assign(graph.mean.size(), 1.0f);  // folded into the first weights
  }
  for (const compiler::GraphConv& conv : graph.convs) stage.convs.push_back({conv.weight, conv.bias});
  stage.head_weight = graph.head_weight;
  stage.head_bias = graph.head_bias;
  const auto block_of = [&](int conv) {
    return conv < 0 ? -1 : graph.convs[static_cast<std::size_t>(conv)].layer.block;
  };
  stage.features_block = block_of(graph.features_conv);
  stage.carry_block = block_of(graph.carry_conv);
  stage.policy = plan.policy;
  if (index + 1 < plan.stages.size()) stage.exit = of.exit;
  check_stage_model(stage);
  return stage;
}

}  // namespace triage::exporting
