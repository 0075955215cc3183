#include "costing/random_model.h"

#include <cmath>

#include "core/rng.h"
#include "exporting/stage_model.h"

namespace triage::costing {
namespace {

std::vector<float> uniform_values(std::size_t count, double bound, Rng& rng) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(bound * (2 * rng.uniform() - 1));
  return values;
}

// Keeps the mean square of what a rectifier hands on; for the head, of anything.
double he_bound(double inputs) { return std::sqrt(6 / inputs); }

// Grids that hold about what comes: nothing is calibrated, as times do not depend on it.
exporting::Int8Stage random_int8(const exporting::StageModel& model) {
  exporting::Int8Stage int8;
  int8.maps.assign(model.convs.size() + 1, exporting::grid_over(0, 4));
  if (model.first_block == 0) int8.maps[0] = exporting::grid_over(-1, 1);
  for (std::size_t i = 0; i < model.convs.size(); ++i)
    int8.convs.emplace_back(exporting::round_conv(exporting::file_weight(model, i), model.convs[i].bias, int8.maps[i]));
  return int8;
}

}  // namespace

std::string random_stage_onnx(const cost::Segment& stage, const plan::InputShape& input, int classes,
                              std::uint64_t seed) {
  constexpr double kBias = 0.1;
  Rng rng(derive_seed(seed, stage.text()));
  const std::vector<plan::ConvLayer> layers = cost::segment_layers(stage, input);
  exporting::StageModel model{.name = stage.text(), .arch = stage.arch, .input = input};
  model.first_block = stage.first_block;
  model.last_block = stage.last_block;
  if (stage.carry) model.carry_block = stage.end_block() - 1;
  for (int c = 0; c < classes; ++c) model.classes.push_back(std::to_string(c));
  model.mean.assign(static_cast<std::size_t>(input.channels), 0.5f);
  model.stddev.assign(static_cast<std::size_t>(input.channels), 0.25f);
  for (const plan::ConvLayer& layer : layers) {
    const std::size_t weights = std::size_t{9} * layer.in_channels * layer.out_channels;
    model.convs.push_back({uniform_values(weights, he_bound(9.0 * layer.in_channels), rng),
                           uniform_values(static_cast<std::size_t>(layer.out_channels), kBias, rng)});
  }
  const int width = layers.back().out_channels;
  model.head_weight = uniform_values(static_cast<std::size_t>(classes) * width, he_bound(width), rng);
  model.head_bias = uniform_values(static_cast<std::size_t>(classes), kBias, rng);
  if (stage.precision == plan::Precision::int8) model.int8 = random_int8(model);
  return exporting::stage_to_onnx(model).SerializeAsString();
}

}  // namespace triage::costing
