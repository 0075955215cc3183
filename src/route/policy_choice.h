// Which policy a plan routes by: each is compared with plain confidence, image by image, where both send equally many
// on. At each exit the images with the highest scores of those that came go on, so that both cost the same to the
// image.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/statistics/statistics.h"
#include "plan/plan.h"
#include "route/policy_scores.h"

namespace triage::route {

// For the images `rows`, in that order: the exit each leaves at when, of those that come to exit e, the share shares[e]
// with the highest scores goes on (rounded to images; of equal scores those that come first in rows).
std::vector<std::uint8_t> exits_at_shares(const ExitScores& scores, std::span<const std::uint32_t> rows,
                                          std::span<const double> shares);

// The shares of the images that come to each exit but the last which go on from there; of exits nobody comes to, 0.
std::vector<double> shares_going_on(std::span<const std::uint8_t> exits, std::size_t stages);

struct PolicyGain {  // of a policy over confidence
  plan::PolicyKind policy = plan::PolicyKind::confidence;
  double points = 0;  // of accuracy, in percent: the mean over the images
  double error = 0;   // its standard error
  bool wins = false;  // beyond kWinningErrors standard errors
};
inline constexpr double kWinningErrors =
    2.5;  // 5 % over the four policies that may be compared: a chance of 1.25 % each

struct PolicyCandidate {
  plan::PolicyKind policy;
  ExitScores scores;  // of images that took no part in fitting them; comparable within a fold
};

struct PolicyChoice {
  plan::PolicyKind policy = plan::PolicyKind::confidence;  // of those that win, the one that gains most
  std::vector<PolicyGain> gains;                           // of every candidate
};

// verdicts: of the exits. fold [count]: whose scores are comparable. values: of the images, as in CurveMaker. The gain
// is the mean over shares of 5 to 50 percent going on from each exit, where plans have their thresholds.
PolicyChoice choose_policy(const Verdicts& verdicts, const ExitScores& confidence,
                           std::span<const PolicyCandidate> candidates, std::span<const std::uint8_t> fold,
                           const std::vector<double>& values = {});

// Fold of each of `count` images, 0 to folds - 1, of equal sizes but for one image; a function of the seed.
std::vector<std::uint8_t> folds_of(std::size_t count, int folds, std::uint64_t seed);
// The images of a fold, or all others, rising.
std::vector<std::uint32_t> rows_of_fold(std::span<const std::uint8_t> folds, int fold, bool others = false);

// "learned gains 0.12 points [-0.03, 0.27] over confidence"
std::string to_text(const PolicyGain& gain);
Json to_json(const PolicyChoice& choice);

// Of one choice of exits over another: the mean difference in points, its standard error.
PolicyGain paired_gain(const Verdicts& verdicts, std::span<const std::uint8_t> exits,
                       std::span<const std::uint8_t> others, const std::vector<double>& values = {});

}  // namespace triage::route
