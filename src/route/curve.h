// Accuracy, latency and escalation of a policy over all its thresholds, and the numbers drawn from that curve.
//
// Two stages: exact, every group of equal scores adds one point. More stages: each exit gets a grid of thresholds at
// quantiles of its scores; every grid point is evaluated exactly and the Pareto set is kept. Sums: threshold/sums.h.
//
// Areas follow RouteLLM (Ong et al., 2024, section 3.2, "performance gap recovered"): with r(a) the accuracy at a share
// a of strong calls, PGR(a) = (r(a) - r_weak) / (r_strong - r_weak) and APGR = integral of PGR over a in [0, 1]
//      = (AUC - AUC_weak) / (AUC_strong - AUC_weak), where r_weak and r_strong are constant in a.
// A router that knows nothing has APGR 1/2; `between` puts the same area on the scale random = 0, oracle = 1.
// With more than two stages the share of strong calls becomes the share of the avoidable cost that is spent,
// (latency - cheapest path) / (longest path - cheapest path): the same number when there are two.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "route/policy_scores.h"
#include "threshold/ranking.h"

namespace triage::route {

struct CurvePoint {
  std::vector<double> thresholds;  // one per exit but the last; escalate while score > threshold
  double accuracy = 0;
  double latency_us = 0;  // expected, of the paths the images take
  double escalation = 0;  // share of images that go on from the first exit
  double share = 0;       // of strong calls, as above
};

struct Area {
  double weak = 0, strong = 0;    // accuracy at share 0 and at share 1
  double area = 0;                // of accuracy over share, trapezoids between the curve's points
  double apgr = 0;                // NaN when strong and weak are equal
  std::array<double, 3> calls{};  // smallest share that reaches 50, 80, 95 % of the gap; NaN when none does
};

// Immutable after construction, so threads may share it.
class CurveMaker {
 public:
  // correct [stages][count], scores [stages - 1][count], path_latency_us [stages] cumulative and increasing. values:
  // how much a correct answer counts in the accuracy (metric.h; [count], empty: the same each); shares and latencies
  // count images. Throws Error on sizes that do not match, on no images, and on one stage.
  CurveMaker(const std::vector<std::vector<std::uint8_t>>& correct, const ExitScores& scores,
             std::vector<double> path_latency_us, std::vector<double> values = {});

  // Ascending latency. Two stages: from no escalation to all, not Pareto-filtered (the ends are the static nets).
  std::vector<CurvePoint> curve() const;

  // weights: how often each image counts ([count]; empty: once each). Two stages: exact; tied scores count as being
  // escalated in random order. More: of the Pareto set, flat behind its best point.
  Area area(std::span<const std::uint32_t> weights = {}) const;

  std::size_t count() const { return count_; }

 private:
  struct Totals {  // of one threshold setting
    double accuracy, latency, escalation;
  };
  double value(std::size_t image) const { return values_.empty() ? 1.0 : values_[image]; }
  struct Base {  // of the first stage alone; sums over the weighted images
    double images = 0, worth = 0, correct = 0;
  };
  Base base(std::span<const std::uint32_t> weights) const;
  std::vector<Totals> totals(
      std::span<const std::uint32_t> weights) const;  // of all settings, thresholds_[0] outermost
  std::vector<std::size_t> pareto(const std::vector<Totals>& totals) const;
  double share(double latency) const;

  std::size_t stages_, count_;
  std::vector<double> path_, values_;
  std::vector<std::vector<std::uint8_t>> correct_;
  threshold::Ranking<std::uint32_t> ranking_;     // two stages
  std::vector<std::vector<double>> thresholds_;   // two stages: [1][groups + 1]; else [exits][grid size], rising
  std::vector<std::vector<std::uint16_t>> cell_;  // more stages: [exits][count], thresholds below the score
};

// The same area on the scale random = 0 (the straight line between the static nets), oracle = 1. NaN if they are equal.
double between_random_and_oracle(const Area& policy, const Area& oracle);

// Choosing from a curve. Throw Error, naming what would be possible, when nothing qualifies or the curve is empty.
const CurvePoint& most_accurate(std::span<const CurvePoint> curve, double budget_us);  // mean latency <= budget
const CurvePoint& cheapest(std::span<const CurvePoint> curve, double accuracy);        // accuracy >= this
// The point farthest above the chord from the cheapest to the most accurate point, axes scaled to [0, 1]; where none is
// above it, the most accurate point.
const CurvePoint& knee(std::span<const CurvePoint> curve);

}  // namespace triage::route
