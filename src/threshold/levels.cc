#include "threshold/levels.h"

#include <cmath>

#include "core/error.h"

namespace triage::threshold {

CostLevels::CostLevels(double low, double high, std::size_t count) {
  if (!(low > 0) || !(high > low) || count < 2) {
    fail("cost levels: expected 0 < low < high and at least 2, found {}, {} and {}", low, high, count);
  }
  for (std::size_t i = 0; i < count; ++i) {
    upper_.push_back(low * std::pow(high / low, static_cast<double>(i) / static_cast<double>(count - 1)));
  }
  upper_.back() = high;
}

std::size_t CostLevels::level(double cost) const {
  return static_cast<std::size_t>(std::ranges::lower_bound(upper_, cost) - upper_.begin());
}

}  // namespace triage::threshold
