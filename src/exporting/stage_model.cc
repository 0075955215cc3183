#include "exporting/stage_model.h"

#include <cmath>

#include "core/error.h"
#include "core/json.h"
#include "exporting/int8/int8_nodes.h"
#include "exporting/score_nodes.h"

namespace triage::exporting {
namespace {

void expect_values(const std::string& where, const std::vector<float>& values, std::int64_t expected) {
  if (static_cast<std::int64_t>(values.size()) != expected)
    fail("{}: found {} values, expected {}", where, values.size(), expected);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i])) fail("{}[{}]: found {}, expected a finite number", where, i, values[i]);
}

void expect_block(const StageModel& stage, const char* what, int block) {
  if (block >= 0 && (block < stage.first_block || block >= stage.end_block()))
    fail("stage {}: {}: found {}, expected a block in [{}, {})", stage.name, what, block, stage.first_block,
         stage.end_block());
}

// Adds the input and what stands before the first convolution; returns the name of that convolution's input.
std::string add_input(GraphBuilder& builder, const StageModel& stage, const plan::ConvLayer& first) {
  const bool image = stage.first_block == 0;
  std::string name = image ? "image" : "carry_in";
  *builder.graph().add_input() =
      value_info(name, kFloat, {{0, "N"}, {first.in_channels, {}}, {first.height, {}}, {first.width, {}}});
  if (!image) return name;
  const auto mean = builder.constant("normalise/mean", {1, first.in_channels, 1, 1}, stage.mean);
  return builder.node("Sub", {name, mean}, "normalise/centred");
}

// Layer i of the stage, from a value that is on its grid already where there is one.
std::string add_conv(GraphBuilder& builder, const StageModel& stage, std::size_t i, const plan::ConvLayer& layer,
                     std::string input) {
  const std::string name = layer.name();
  ConvInputs weights;
  if (stage.int8 && stage.int8->convs[i]) {
    weights = add_int8_weights(builder, *stage.int8->convs[i], stage.int8->maps[i], layer, name);
  } else {
    weights.weight = builder.constant(name + "/weight", {layer.out_channels, layer.in_channels, 3, 3},
                                      std::span<const float>(file_weight(stage, i)));
    weights.bias = builder.constant(name + "/bias", {layer.out_channels}, stage.convs[i].bias);
    // A ReLU of what one has left already. Right behind a DequantizeLinear, ONNX Runtime would round the weights.
    if (stage.int8 && stage.int8->rounds(i)) input = builder.node("Relu", {input}, name + "/in");
  }
  const auto sums = builder.node("Conv", {input, weights.weight, weights.bias}, name);
  builder.attribute("kernel_shape", {3, 3}).attribute("pads", {1, 1, 1, 1});
  auto output = builder.node("Relu", {sums}, name + "/relu");
  const bool rounds = stage.int8 && stage.int8->rounds(i + 1);
  if (rounds) output = add_rounding(builder, stage.int8->maps[i + 1], output, name + "/out");
  if (!layer.pool) return output;
  output = builder.node("MaxPool", {output}, name + "/pool");
  builder.attribute("kernel_shape", {2, 2}).attribute("strides", {2, 2});
  return rounds ? add_rounding(builder, stage.int8->maps[i + 1], output, name + "/pool/out") : output;
}

// The head's pool over the whole map; returns [N, width].
std::string add_head_pool(GraphBuilder& builder, const StageModel& stage, const plan::ConvLayer& last,
                          const std::string& map) {
  std::string pooled;
  if (stage.int8 && stage.int8->rounds(stage.convs.size())) {
    pooled = builder.node("MaxPool", {map}, "head/pool");
    builder.attribute("kernel_shape",
                      {last.pool ? last.height / 2 : last.height, last.pool ? last.width / 2 : last.width});
    pooled = add_rounding(builder, stage.int8->maps.back(), pooled, "head/pool/out");
  } else {
    pooled = builder.node("GlobalMaxPool", {map}, "head/pool");
  }
  return builder.node("Flatten", {pooled}, "head/flat");
}

void check_int8(const StageModel& stage, const std::string& where) {
  const Int8Stage& int8 = *stage.int8;
  if (int8.convs.size() != stage.convs.size() || int8.maps.size() != stage.convs.size() + 1) {
    fail("{}: int8: found {} convolutions and {} maps, expected {} and {}", where, int8.convs.size(), int8.maps.size(),
         stage.convs.size(), stage.convs.size() + 1);
  }
  for (const Int8Grid& grid : int8.maps) {
    if (!(grid.scale > 0) || !std::isfinite(grid.scale) || grid.zero < 0 || grid.zero > 255)
      fail("{}: int8: found a grid of scale {} and zero {}, expected a positive number and 0 to 255", where, grid.scale,
           grid.zero);
  }
  for (std::size_t i = 0; i < int8.convs.size(); ++i) {
    if (!int8.convs[i]) continue;
    const std::size_t channels = stage.convs[i].bias.size();
    if (int8.convs[i]->weight.size() != stage.convs[i].weight.size() || int8.convs[i]->scale.size() != channels ||
        int8.convs[i]->bias.size() != channels)
      fail("{}: int8: convolution {}: found other sizes than in fp32", where, i);
  }
}

void add_output(onnx::GraphProto& graph, const std::string& name, const std::vector<TensorDimension>& rest) {
  std::vector<TensorDimension> shape{{0, "N"}};
  shape.insert(shape.end(), rest.begin(), rest.end());
  *graph.add_output() = value_info(name, kFloat, shape);
}

}  // namespace

std::vector<plan::ConvLayer> stage_layers(const StageModel& stage) {
  std::vector<plan::ConvLayer> layers;
  for (const auto& layer : plan::conv_layers(stage.arch, stage.input))
    if (layer.block >= stage.first_block && layer.block < stage.end_block()) layers.push_back(layer);
  return layers;
}

std::vector<float> file_weight(const StageModel& stage, std::size_t conv) {
  std::vector<float> weight = stage.convs[conv].weight;
  if (stage.first_block == 0 && conv == 0)  // zero padding stays zero
    for (std::size_t i = 0; i < weight.size(); ++i) weight[i] /= stage.stddev[i / 9 % stage.input.channels];
  return weight;
}

void check_stage_model(const StageModel& stage) {
  const std::string where = "stage " + stage.name;
  const int blocks = static_cast<int>(stage.arch.blocks.size());
  if (stage.first_block < 0 || stage.first_block >= stage.end_block() || stage.end_block() > blocks)
    fail("{}: found blocks [{}, {}), expected a part of [0, {})", where, stage.first_block, stage.end_block(), blocks);
  if (stage.classes.size() < 2) fail("{}: found {} classes, expected at least 2", where, stage.classes.size());
  expect_block(stage, "features_block", stage.features_block);
  expect_block(stage, "carry_block", stage.carry_block);

  if (stage.first_block == 0) {
    expect_values(where + ": mean", stage.mean, stage.input.channels);
    expect_values(where + ": stddev", stage.stddev, stage.input.channels);
    for (float value : stage.stddev)
      if (value <= 0) fail("{}: stddev: found {}, expected a positive number", where, value);
  }
  const auto layers = stage_layers(stage);
  if (stage.convs.size() != layers.size())
    fail("{}: found {} convolutions, expected {}", where, stage.convs.size(), layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto layer = where + ": " + layers[i].name();
    expect_values(layer + ": weight", stage.convs[i].weight,
                  std::int64_t{9} * layers[i].in_channels * layers[i].out_channels);
    expect_values(layer + ": bias", stage.convs[i].bias, layers[i].out_channels);
  }
  if (stage.int8) check_int8(stage, where);
  const auto classes = static_cast<std::int64_t>(stage.classes.size());
  expect_values(where + ": head weight", stage.head_weight, classes * layers.back().out_channels);
  expect_values(where + ": head bias", stage.head_bias, classes);
  if (stage.exit && stage.policy == plan::PolicyKind::learned && stage.exit->router &&
      stage.exit->router->feature_width != stage.feature_width())
    fail("{}: the router reads {} features, the stage gives {}", where, stage.exit->router->feature_width,
         stage.feature_width());
}

onnx::ModelProto stage_to_onnx(const StageModel& stage) {
  check_stage_model(stage);
  const auto layers = stage_layers(stage);
  const auto classes = static_cast<std::int64_t>(stage.classes.size());

  onnx::ModelProto model = new_model(stage.name);
  set_metadata(model, "triage.arch", stage.arch.text());
  set_metadata(model, "triage.blocks", std::format("{}:{}", stage.first_block, stage.end_block()));
  set_metadata(model, "triage.classes", Json(stage.classes).dump());
  set_metadata(model, "triage.precision", stage.int8 ? "int8" : "fp32");
  onnx::GraphProto& graph = *model.mutable_graph();
  GraphBuilder builder(graph);

  std::string value = add_input(builder, stage, layers.front()), features, carry;
  if (stage.int8 && stage.int8->rounds(0)) value = add_rounding(builder, stage.int8->maps[0], value, "input");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    value = add_conv(builder, stage, i, layers[i], value);
    const bool block_ends = i + 1 == layers.size() || layers[i + 1].block != layers[i].block;
    if (block_ends && layers[i].block == stage.features_block) features = value;
    if (block_ends && layers[i].block == stage.carry_block) carry = value;
  }
  const auto flat = add_head_pool(builder, stage, layers.back(), value);
  const auto weight = builder.constant("head/weight", {classes, layers.back().out_channels}, stage.head_weight);
  builder.node("Gemm", {flat, weight, builder.constant("head/bias", {classes}, stage.head_bias)}, "logits");
  builder.attribute("transB", 1);
  add_output(graph, "logits", {{classes, {}}});

  if (!features.empty()) {
    builder.node("Flatten", {builder.node("GlobalAveragePool", {features}, "features/pool")}, "features");
    add_output(graph, "features", {{stage.feature_width(), {}}});
  }
  if (!carry.empty()) {
    builder.node("Identity", {carry}, "carry");
    int height = 0, width = 0;
    for (const auto& layer : layers)
      if (layer.block == stage.carry_block) {
        height = layer.pool ? layer.height / 2 : layer.height;
        width = layer.pool ? layer.width / 2 : layer.width;
      }
    add_output(graph, "carry", {{stage.arch.blocks[stage.carry_block].back(), {}}, {height, {}}, {width, {}}});
  }
  if (stage.exit) {
    const auto score = add_score(builder, stage.policy, *stage.exit, static_cast<int>(classes), "logits",
                                 features.empty() ? "" : "features");
    builder.node("Identity", {score}, "score");
    add_output(graph, "score", {});
  }
  return model;
}

}  // namespace triage::exporting
