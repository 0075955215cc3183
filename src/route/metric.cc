#include "route/metric.h"

#include <array>
#include <cmath>

#include "core/error.h"

namespace triage::route {

std::vector<double> image_values(plan::Metric metric, std::span<const Label> labels) {
  if (metric == plan::Metric::accuracy) return {};
  std::array<std::size_t, 256> images{};
  for (const Label label : labels) ++images[label];
  std::size_t classes = 0;
  for (const std::size_t count : images) classes += count > 0;
  constexpr double kResolution = 1 << 30;  // of one image of a class of mean size; far above what a double resolves
  std::vector<double> values;
  values.reserve(labels.size());
  for (const Label label : labels) {
    const double even = static_cast<double>(labels.size()) / static_cast<double>(classes * images[label]);
    values.push_back(std::round(kResolution * even));
  }
  return values;
}

double valued_accuracy(std::span<const std::uint8_t> correct, std::span<const double> values) {
  if (correct.empty()) fail("accuracy: expected at least one image, found none");
  double right = 0, worth = 0;
  for (std::size_t i = 0; i < correct.size(); ++i) {
    const double value = values.empty() ? 1 : values[i];
    right += value * correct[i];
    worth += value;
  }
  return right / worth;
}

}  // namespace triage::route
