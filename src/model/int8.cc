#include "model/int8.h"

#include <algorithm>
#include <cmath>

namespace triage::model {

std::uint8_t Grid::nearest(float value) const {
  const float q = std::nearbyint(value / scale) + static_cast<float>(zero);
  return static_cast<std::uint8_t>(std::clamp(q, 0.0f, 255.0f));
}

Grid grid_over(double low, double high) {
  low = std::min(low, 0.0);
  high = std::max(high, 0.0);
  if (high - low < 1e-20) return {};  // a map of zeros
  Grid grid;
  grid.scale = static_cast<float>((high - low) / 255);
  grid.zero = static_cast<int>(std::clamp(std::nearbyint(-low / grid.scale), 0.0, 255.0));
  return grid;
}

IntegerWeights round_weights(std::span<const float> weight, std::span<const float> bias, const Grid& input,
                             int largest) {
  const std::size_t taps = weight.size() / bias.size();
  IntegerWeights conv;
  for (std::size_t o = 0; o < bias.size(); ++o) {
    const auto channel = weight.subspan(o * taps, taps);
    float reach = 0;
    for (const float w : channel) reach = std::max(reach, std::abs(w));
    // The second bound keeps the bias inside 32 bits where the weights are next to nothing.
    const float scale =
        std::max({reach / static_cast<float>(largest), std::abs(bias[o]) / (input.scale * 1e9f), 1e-30f});
    for (const float w : channel) conv.weight.push_back(static_cast<std::int8_t>(std::nearbyint(w / scale)));
    conv.scale.push_back(scale);
    conv.bias.push_back(static_cast<std::int32_t>(std::nearbyint(double{bias[o]} / (double{input.scale} * scale))));
  }
  return conv;
}

}  // namespace triage::model
