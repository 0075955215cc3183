// The mean of a few repetitions, such as seeds, and how far it can be trusted.
#pragma once

#include <optional>
#include <span>

#include "core/statistics/statistics.h"

namespace triage {

struct MeanEstimate {
  double mean = 0;
  std::optional<Interval> interval;  // Student's t, 95 %: repetitions as from a normal distribution; of two or more
};
MeanEstimate mean_estimate(std::span<const double> sample);  // throws Error for none
Json to_json(const MeanEstimate& estimate);                  // mean, interval: null where there is none

}  // namespace triage
