// Two tests whose false alarms are bounded: of a rate that may have fallen, and of a distribution that may have moved.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "triage/curve.h"

namespace triage::runtime {

// Whether disagreements are more frequent than promised, at any number of looks. Each observation multiplies the
// likelihood ratio of "odds so many times larger" against "as promised"; Shiryaev's and Roberts' sum over all moments
// at which it may have begun is an e-detector (Shin, Ramdas, Rinaldo, arXiv 2203.03532): where disagreements are as
// frequent as promised or rarer, `limit` observations pass between alarms, on average, or more.
class DisagreementDetector {
 public:
  explicit DisagreementDetector(double limit) : limit_(limit) {}

  // promised: the probability of a disagreement, in [0, 1). True: an alarm; it begins anew.
  bool add(bool agrees, double promised);
  double evidence() const;  // the mean over the alternatives; at `limit` it is an alarm

 private:
  static constexpr std::array<double, 4> kOdds{1.5, 2, 4, 8};
  double limit_;
  std::array<double, 4> sums_{};
};

// The largest difference between the shares of a sample and of the knots at or below a score.
double score_distance(std::span<const float> sorted, std::span<const ScoreKnot> knots);

// What that is not above, for a sample of `window` values of the distribution of which `reference` values made the
// knots: but with probability false_alarm for each sample, and once for all (5 %) for the knots. Both by the inequality
// of Dvoretzky, Kiefer and Wolfowitz with Massart's constant (Annals of Probability 18, 1990).
double score_distance_limit(std::size_t window, std::size_t reference, double false_alarm);

// The threshold that this share of the values is above; they are sorted. Between two neighbours, or beyond all.
double threshold_for_share(std::span<const float> sorted, double share);

}  // namespace triage::runtime
