// A StageModel as a graph (stage_model.h says which): the only place where a network of ours becomes nodes.
#include <format>

#include "core/json.h"
#include "exporting/int8/int8_nodes.h"
#include "exporting/score_nodes.h"
#include "exporting/stage_model.h"
#include "model/onnx/write.h"
#include "model/quantized.h"
#include "model/shapes.h"

namespace triage::exporting {
namespace {

using model::Graph;
using model::Op;
using model::ValueId;
using Sizes = std::vector<std::int64_t>;

class Producer {
 public:
  explicit Producer(const StageModel& stage) : stage_(stage), layers_(stage_layers(stage)) {
    graph_.origin = "stage " + stage.name;
    graph_.name = stage.name;
    graph_.opset = kOpset;
    graph_.ir_version = kIrVersion;
    graph_.metadata = {{"triage.arch", stage.arch.text()},
                       {"triage.blocks", std::format("{}:{}", stage.first_block, stage.end_block())},
                       {"triage.classes", Json(stage.classes).dump()},
                       {"triage.precision", stage.int8 ? "int8" : "fp32"}};
  }

  Graph make() && {
    ValueId map = input(), features = model::kNone, carry = model::kNone;
    if (rounds(0)) map = add_rounding(graph_, stage_.int8->maps[0], map, "input");
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      map = layer(i, map);
      const bool block_ends = i + 1 == layers_.size() || layers_[i + 1].block != layers_[i].block;
      if (block_ends && layers_[i].block == stage_.features_block) features = map;
      if (block_ends && layers_[i].block == stage_.carry_block) carry = map;
    }
    head(map);
    if (features != model::kNone) {
      const ValueId pooled = graph_.add_node(Op::global_average_pool, {features}, "features/pool");
      graph_.outputs.push_back(graph_.add_node(Op::flatten, {pooled}, "features"));
    }
    if (carry != model::kNone) graph_.outputs.push_back(graph_.add_node(Op::identity, {carry}, "carry"));
    model::infer_shapes(graph_);
    model::note_quantization(graph_);
    for (const ValueId output : graph_.outputs) graph_.value(output).shape->front() = {-1, "N"};
    return std::move(graph_);
  }

 private:
  bool rounds(std::size_t map) const { return stage_.int8 && stage_.int8->rounds(map); }
  ValueId constant(const std::string& name, const Sizes& dims, std::span<const float> values) {
    return graph_.add_constant(name, model::float_data(dims, values));
  }

  // What the first convolution reads.
  ValueId input() {
    const plan::ConvLayer& first = layers_.front();
    const bool image = stage_.first_block == 0;
    const ValueId id = graph_.add_value(
        {.name = image ? "image" : "carry_in",
         .type = model::Type::float32,
         .shape = model::Shape{{-1, "N"}, {first.in_channels, {}}, {first.height, {}}, {first.width, {}}}});
    graph_.inputs.push_back(id);
    if (!image) return id;
    const ValueId mean = constant("normalise/mean", {1, first.in_channels, 1, 1}, stage_.mean);
    return graph_.add_node(Op::sub, {id, mean}, "normalise/centred");
  }

  // Layer i, from a value that is on its grid already where there is one.
  ValueId layer(std::size_t i, ValueId map) {
    const plan::ConvLayer& layer = layers_[i];
    const std::string name = layer.name();
    const Sizes dims{layer.out_channels, layer.in_channels, 3, 3};
    ConvInputs weights;
    if (stage_.int8 && stage_.int8->convs[i]) {
      weights = add_int8_weights(graph_, *stage_.int8->convs[i], stage_.int8->maps[i], dims, name);
    } else {
      weights.weight = constant(name + "/weight", dims, file_weight(stage_, i));
      weights.bias = constant(name + "/bias", {layer.out_channels}, stage_.convs[i].bias);
      // A ReLU of what one has left already. Right behind a DequantizeLinear, ONNX Runtime would round the weights.
      if (rounds(i)) map = graph_.add_node(Op::relu, {map}, name + "/in");
    }
    const ValueId sums = graph_.add_node(Op::conv, {map, weights.weight, weights.bias}, name,
                                         {{"kernel_shape", Sizes{3, 3}}, {"pads", Sizes{1, 1, 1, 1}}});
    map = graph_.add_node(Op::relu, {sums}, name + "/relu");
    if (rounds(i + 1)) map = add_rounding(graph_, stage_.int8->maps[i + 1], map, name + "/out");
    if (!layer.pool) return map;
    map =
        graph_.add_node(Op::max_pool, {map}, name + "/pool", {{"kernel_shape", Sizes{2, 2}}, {"strides", Sizes{2, 2}}});
    return rounds(i + 1) ? add_rounding(graph_, stage_.int8->maps[i + 1], map, name + "/pool/out") : map;
  }

  void head(ValueId map) {
    const plan::ConvLayer& last = layers_.back();
    const auto classes = static_cast<std::int64_t>(stage_.classes.size());
    ValueId pooled = model::kNone;
    if (rounds(layers_.size())) {
      const int step = last.pool ? 2 : 1;
      pooled = graph_.add_node(Op::max_pool, {map}, "head/pool",
                               {{"kernel_shape", Sizes{last.height / step, last.width / step}}});
      pooled = add_rounding(graph_, stage_.int8->maps.back(), pooled, "head/pool/out");
    } else {
      pooled = graph_.add_node(Op::global_max_pool, {map}, "head/pool");
    }
    const ValueId flat = graph_.add_node(Op::flatten, {pooled}, "head/flat");
    const ValueId weight = constant("head/weight", {classes, last.out_channels}, stage_.head_weight);
    const ValueId bias = constant("head/bias", {classes}, stage_.head_bias);
    graph_.outputs.push_back(graph_.add_node(Op::gemm, {flat, weight, bias}, "logits", {{"transB", std::int64_t{1}}}));
  }

  const StageModel& stage_;
  const std::vector<plan::ConvLayer> layers_;
  Graph graph_;
};

}  // namespace

Graph stage_to_graph(const StageModel& stage) {
  check_stage_model(stage);
  return Producer(stage).make();
}

onnx::ModelProto stage_to_onnx(const StageModel& stage) {
  const Graph graph = stage_to_graph(stage);
  onnx::ModelProto model = new_model(stage.name);
  for (const auto& [key, value] : graph.metadata) set_metadata(model, key, value);
  *model.mutable_graph() = model::to_onnx(graph, {.defaults = false}).graph();
  if (stage.exit) {
    GraphBuilder builder(*model.mutable_graph());
    const auto score = add_score(builder, stage.policy, *stage.exit, static_cast<int>(stage.classes.size()), "logits",
                                 stage.features_block < 0 ? "" : "features");
    builder.node("Identity", {score}, "score");
    *model.mutable_graph()->add_output() = value_info("score", kFloat, {{0, "N"}});
  }
  return model;
}

}  // namespace triage::exporting
