#include "exporting/stage_model.h"

#include <cmath>

#include "core/error.h"

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

void check_int8(const StageModel& stage, const std::string& where) {
  const Int8Stage& int8 = *stage.int8;
  if (int8.convs.size() != stage.convs.size() || int8.maps.size() != stage.convs.size() + 1) {
    fail("{}: int8: found {} convolutions and {} maps, expected {} and {}", where, int8.convs.size(), int8.maps.size(),
         stage.convs.size(), stage.convs.size() + 1);
  }
  for (const model::Grid& grid : int8.maps) {
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

}  // namespace triage::exporting
