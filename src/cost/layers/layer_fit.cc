#include "cost/layers/layer_fit.h"

#include "cost/layers/relative_fit.h"

namespace triage::cost {
namespace {

// The values that the coefficients multiply.
std::vector<double> row(const StageTerms& stage) {
  return {stage.layers_us,
          static_cast<double>(stage.layers),
          1,
          stage.image ? 1.0 : 0.0,
          stage.head_kb,
          stage.carry_in_kb,
          stage.carry_out_kb};
}

double map_kb(int channels, int height, int width) {
  return static_cast<double>(channels) * height * width * sizeof(float) / 1024;
}

}  // namespace

StageTerms stage_terms(const Segment& stage, const plan::InputShape& input) {
  const std::vector<plan::ConvLayer> layers = segment_layers(stage, input);
  const plan::ConvLayer &first = layers.front(), &last = layers.back();
  const int shrink = last.pool ? 2 : 1;
  StageTerms terms{.layers = static_cast<int>(layers.size()), .image = stage.first_block == 0};
  terms.head_kb = map_kb(last.out_channels, last.height / shrink, last.width / shrink);
  if (!terms.image) terms.carry_in_kb = map_kb(first.in_channels, first.height, first.width);
  if (stage.carry) terms.carry_out_kb = terms.head_kb;
  return terms;
}

double LayerFit::predict(const StageTerms& stage) const {
  return scale * stage.layers_us + per_layer_us * stage.layers + fixed_us + (stage.image ? image_us : 0) +
         per_head_kb_us * stage.head_kb + per_carry_in_kb_us * stage.carry_in_kb +
         per_carry_out_kb_us * stage.carry_out_kb;
}

LayerFit fit_layers(std::span<const StageTerms> stages, std::span<const double> measured_us) {
  std::vector<std::vector<double>> rows;
  for (const StageTerms& stage : stages) rows.push_back(row(stage));
  const std::vector<double> best = fit_relative(rows, measured_us, "layer costs");
  return {best[0], best[1], best[2], best[3], best[4], best[5], best[6]};
}

}  // namespace triage::cost
