#include "core/statistics/mean_interval.h"

#include <array>
#include <cmath>

#include "core/error.h"

namespace triage {
namespace {

// 97.5 % quantiles of Student's t with 1, 2, ... degrees of freedom.
constexpr std::array kStudent{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228};

double student_quantile(std::size_t freedom) {
  if (freedom <= kStudent.size()) return kStudent[freedom - 1];
  const double z = 1.959963984540054, n = static_cast<double>(freedom);  // its expansion around the normal quantile
  return z + (std::pow(z, 3) + z) / (4 * n) + (5 * std::pow(z, 5) + 16 * std::pow(z, 3) + 3 * z) / (96 * n * n);
}

}  // namespace

MeanEstimate mean_estimate(std::span<const double> sample) {
  if (sample.empty()) fail("mean: expected at least one number, found none");
  const Summary summary = summarize(sample);
  MeanEstimate estimate{.mean = summary.mean, .interval = std::nullopt};
  if (summary.count < 2) return estimate;
  const double half =
      student_quantile(summary.count - 1) * summary.stddev / std::sqrt(static_cast<double>(summary.count));
  estimate.interval = Interval{summary.mean - half, summary.mean + half};
  return estimate;
}

Json to_json(const MeanEstimate& estimate) {
  Json interval;
  if (estimate.interval) interval = {estimate.interval->low, estimate.interval->high};
  return {{"mean", estimate.mean}, {"interval", interval}};
}

}  // namespace triage
