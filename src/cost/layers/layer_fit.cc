#include "cost/layers/layer_fit.h"

#include <algorithm>

#include "cost/layers/layer_key.h"
#include "cost/layers/relative_fit.h"

namespace triage::cost {
namespace {

constexpr double kLeastUs = 0.1;  // of a stage

// The values that the coefficients multiply.
std::vector<double> row(const StageTerms& stage) {
  return {stage.layers_us,
          static_cast<double>(stage.layers),
          1,
          stage.image ? 1.0 : 0.0,
          stage.head_kb,
          stage.carry_in_kb,
          stage.carry_out_kb,
          stage.image_kb,
          stage.resized ? 1.0 : 0.0,
          -static_cast<double>(stage.layers)};
}

double map_kb(const plan::InputShape& map) {
  return static_cast<double>(map.channels) * map.height * map.width * sizeof(float) / 1024;
}

double map_kb(const family::Layer& layer) { return map_kb({layer.out_channels, layer.height, layer.width}); }

}  // namespace

StageTerms stage_terms(const SegmentNet& stage, bool carry, const plan::InputShape& input) {
  const std::size_t layers = keyed_layers(stage.net.layers, stage.begin, stage.end).size();
  StageTerms terms{.layers = static_cast<int>(layers), .image = stage.input() == nullptr};
  terms.head_kb = map_kb(stage.pooled());
  terms.resized = terms.image && stage.net.input != input;
  if (terms.image) terms.image_kb = map_kb(stage.net.input);
  if (!terms.image) terms.carry_in_kb = map_kb(*stage.input());
  if (carry) terms.carry_out_kb = map_kb(stage.net.layers[static_cast<std::size_t>(stage.net.section_ends.back())]);
  return terms;
}

double LayerFit::predict(const StageTerms& stage) const {
  const double us = scale * stage.layers_us + (per_layer_us - profiler_us) * stage.layers + fixed_us +
                    (stage.image ? image_us : 0) + per_head_kb_us * stage.head_kb +
                    per_carry_in_kb_us * stage.carry_in_kb + per_carry_out_kb_us * stage.carry_out_kb +
                    per_image_kb_us * stage.image_kb + (stage.resized ? resize_us : 0);
  return std::max(us, kLeastUs);
}

LayerFit fit_layers(std::span<const StageTerms> stages, std::span<const double> measured_us) {
  std::vector<std::vector<double>> rows;
  for (const StageTerms& stage : stages) rows.push_back(row(stage));
  const std::vector<double> best = fit_relative(rows, measured_us, "layer costs");
  return {.scale = best[0],
          .per_layer_us = best[1],
          .fixed_us = best[2],
          .image_us = best[3],
          .profiler_us = best[9],
          .per_head_kb_us = best[4],
          .per_carry_in_kb_us = best[5],
          .per_carry_out_kb_us = best[6],
          .per_image_kb_us = best[7],
          .resize_us = best[8]};
}

}  // namespace triage::cost
