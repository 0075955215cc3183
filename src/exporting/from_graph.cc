#include "exporting/from_graph.h"

#include <algorithm>
#include <cstdio>

#include "compiler/stage_graph.h"
#include "core/error.h"

namespace triage::exporting {
namespace {

// The blocks that the stage runs, as its file says.
void read_blocks(const model::Graph& graph, StageModel& stage) {
  const auto found = graph.metadata.find("triage.blocks");
  const std::string text = found == graph.metadata.end() ? "" : found->second;
  if (std::sscanf(text.c_str(), "%d:%d", &stage.first_block, &stage.last_block) != 2 || stage.last_block < 1)
    fail("{}: metadata 'triage.blocks': found '{}', expected 'first:last'", graph.origin, text);
}

}  // namespace

StageModel stage_from_graph(const model::Graph& graph, const plan::Plan& plan, std::size_t index) {
  const plan::Stage& of = plan.stages.at(index);
  compiler::StageGraph layers = compiler::stage_graph(graph);
  if (layers.int8()) fail("stage '{}': found it in int8, expected fp32", of.name);
  StageModel stage;
  stage.name = of.name;
  stage.arch = of.arch;
  stage.input = plan.input;
  stage.classes = plan.classes;
  read_blocks(graph, stage);
  if (stage.first_block == 0) {
    stage.mean = layers.mean;
    stage.stddev.assign(layers.mean.size(), 1.0f);  // folded into the first weights
  }
  for (compiler::GraphConv& conv : layers.convs) stage.convs.push_back({std::move(conv.weight), std::move(conv.bias)});
  stage.head_weight = std::move(layers.head_weight);
  stage.head_bias = std::move(layers.head_bias);
  check_stage_model(stage);
  const std::vector<plan::ConvLayer> expected = stage_layers(stage);
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (expected[i].pool != layers.convs[i].layer.pool)
      fail("stage '{}': {}: found {} pool behind it, expected {}", of.name, expected[i].name(),
           layers.convs[i].layer.pool ? "a" : "no", expected[i].pool ? "one" : "none");
  const auto block_of = [&](int conv) { return conv < 0 ? -1 : expected[static_cast<std::size_t>(conv)].block; };
  stage.features_block = block_of(layers.features_conv);
  stage.carry_block = block_of(layers.carry_conv);
  stage.policy = plan.policy;
  if (index + 1 < plan.stages.size()) stage.exit = of.exit;
  check_stage_model(stage);
  return stage;
}

}  // namespace triage::exporting
