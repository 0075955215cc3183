#include "train/class_weights.h"

#include <algorithm>

namespace triage::train {

std::optional<at::Tensor> class_weights(ClassWeights kind, const data::Dataset& dataset,
                                        std::span<const std::uint32_t> indices) {
  if (kind == ClassWeights::none) return std::nullopt;
  std::vector<double> counts(dataset.info().classes.size());
  for (const std::uint32_t index : indices) ++counts[dataset.label(index)];
  const auto present = static_cast<double>(counts.size()) - static_cast<double>(std::ranges::count(counts, 0.0));
  std::vector<float> weights(counts.size());
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] > 0) weights[c] = static_cast<float>(static_cast<double>(indices.size()) / (present * counts[c]));
  }
  return at::tensor(weights);
}

}  // namespace triage::train
