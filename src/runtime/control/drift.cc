#include "runtime/control/drift.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace triage::runtime {
namespace {

constexpr double kLeastPromised = 1e-4;  // a promise of no disagreement at all is none
constexpr double kKnotsFalse = 0.05;
constexpr double kSendAll = -1, kSendNone = 1;  // thresholds: scores lie in [0, 1]

}  // namespace

bool DisagreementDetector::add(bool agrees, double promised) {
  const double before = std::clamp(promised, kLeastPromised, 1 - kLeastPromised);
  for (std::size_t i = 0; i < kOdds.size(); ++i) {
    const double odds = kOdds[i] * before / (1 - before), after = odds / (1 + odds);
    sums_[i] = (1 + sums_[i]) * (agrees ? (1 - after) / (1 - before) : after / before);
  }
  if (evidence() < limit_) return false;
  sums_.fill(0);
  return true;
}

double DisagreementDetector::evidence() const {
  return std::accumulate(sums_.begin(), sums_.end(), 0.0) / static_cast<double>(sums_.size());
}

double score_distance(std::span<const float> sorted, std::span<const ScoreKnot> knots) {
  double largest = 0;
  const auto count = static_cast<double>(sorted.size());
  for (const ScoreKnot& knot : knots) {
    const auto below = std::ranges::upper_bound(sorted, knot.score, {}, [](float score) { return double{score}; });
    largest = std::max(largest, std::abs(static_cast<double>(below - sorted.begin()) / count - knot.share));
  }
  return largest;
}

double score_distance_limit(std::size_t window, std::size_t reference, double false_alarm) {
  const auto within = [](std::size_t count, double beyond) {
    return std::sqrt(std::log(2 / beyond) / (2 * static_cast<double>(count)));
  };
  return within(window, false_alarm) + within(reference, kKnotsFalse);
}

double threshold_for_share(std::span<const float> sorted, double share) {
  const std::size_t count = sorted.size();
  const auto above = static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(count)));
  if (above == 0) return kSendNone;
  if (above == count) return kSendAll;
  return (double{sorted[count - above - 1]} + double{sorted[count - above]}) / 2;
}

}  // namespace triage::runtime
