#include "triage/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/rng.h"
#include "runtime/control/control_test_support.h"
#include "runtime/control/drift.h"

namespace triage::runtime {
namespace {

Audit audit_of(AuditOptions options) {
  auto made = Audit::make(made_up_curve(), std::move(options));
  EXPECT_TRUE(made) << made.error().message;
  return std::move(*made);
}

TEST(Audit, OptionsAndPlansThatAreNone) {
  const auto refused = [](PlanCurve curve, const AuditOptions& options) {
    const auto made = Audit::make(std::move(curve), options);
    return made ? "made" : made.error().message;
  };
  EXPECT_THAT(refused(made_up_curve(), {.share = 2}), testing::HasSubstr("share"));
  EXPECT_THAT(refused(made_up_curve(), {.window = 3}), testing::HasSubstr("window"));
  EXPECT_THAT(refused(made_up_curve(), {.images_between_false_alarms = 10}), testing::HasSubstr("(the window)"));
  EXPECT_THAT(refused(PlanCurve{}, {}), testing::HasSubstr("two stages"));
}

TEST(Audit, WantsTheShareAndTheSameOnesAgain) {
  Audit one = audit_of({.share = 0.02, .seed = 9}), again = audit_of({.share = 0.02, .seed = 9});
  int wanted = 0;
  for (int i = 0; i < 50'000; ++i) {
    const bool now = one.wanted();
    wanted += now ? 1 : 0;
    ASSERT_EQ(now, again.wanted());
  }
  EXPECT_NEAR(wanted, 1000, 100);  // standard deviation 31
  Audit none = audit_of({.share = 0});
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(none.wanted());
}

// The bound of the e-detector: at least `limit` observations between false alarms, on average. 300 runs at exactly the
// promised rate.
TEST(Drift, FalseAlarmsOfDisagreementAreAsRareAsPromised) {
  constexpr double kLimit = 500, kPromised = 0.03;
  double total = 0;
  for (std::uint64_t run = 0; run < 300; ++run) {
    Rng rng(derive_seed(run, "no drift"));
    DisagreementDetector detector(kLimit);
    int length = 1;
    while (!detector.add(rng.uniform() >= kPromised, kPromised) && length < 50'000) ++length;
    total += length;
  }
  EXPECT_GE(total / 300, kLimit);
}

// From 3 % to 8 % of disagreements: found within some hundred audits, though 100,000 pass between false alarms.
TEST(Drift, MoreDisagreementIsFoundSoon) {
  double total = 0;
  for (std::uint64_t run = 0; run < 100; ++run) {
    Rng rng(derive_seed(run, "drift"));
    DisagreementDetector detector(1e5);
    for (int i = 0; i < 2000; ++i) detector.add(rng.uniform() >= 0.03, 0.03);  // a past that was good
    int length = 1;
    while (!detector.add(rng.uniform() >= 0.08, 0.03) && length < 5000) ++length;
    total += length;
  }
  EXPECT_LT(total / 100, 400);
}

TEST(Drift, DistancesByHand) {
  const std::vector<ScoreKnot> knots{{0.25, 0.25}, {0.5, 0.5}, {1, 1}};
  EXPECT_DOUBLE_EQ(score_distance(std::vector<float>{0.1f, 0.4f, 0.6f, 0.9f}, knots), 0);
  EXPECT_DOUBLE_EQ(score_distance(std::vector<float>{0.6f, 0.7f, 0.8f, 0.9f}, knots), 0.5);
  // sqrt(ln(2 / 0.001) / 4000) + sqrt(ln(2 / 0.05) / 5000)
  EXPECT_NEAR(score_distance_limit(2000, 2500, 0.001), 0.0435916 + 0.0271620, 1e-6);
  const std::vector<float> sorted{0.1f, 0.2f, 0.3f, 0.4f};
  EXPECT_NEAR(threshold_for_share(sorted, 0.25), 0.35, 1e-7);
  EXPECT_EQ(threshold_for_share(sorted, 0), 1);
  EXPECT_EQ(threshold_for_share(sorted, 1), -1);
}

// Knots drawn from 2500 images and windows of the same distribution: of 2000 windows at most the promised 1 % alarm.
TEST(Drift, FalseAlarmsOfScoresAreAsRareAsPromised) {
  Rng rng(17);
  std::vector<float> reference(2500);
  for (float& score : reference) score = static_cast<float>(rng.uniform());
  std::ranges::sort(reference);
  std::vector<ScoreKnot> knots;
  for (std::size_t k = 20; k <= 2500; k += 20) knots.push_back({reference[k - 1], static_cast<double>(k) / 2500});
  const double limit = score_distance_limit(500, 2500, 0.01);
  int alarms = 0;
  std::vector<float> window(500);
  for (int w = 0; w < 2000; ++w) {
    for (float& score : window) score = static_cast<float>(rng.uniform());
    std::ranges::sort(window);
    alarms += score_distance(window, knots) > limit ? 1 : 0;
  }
  EXPECT_LE(alarms, 20);
}

TEST(Audit, TrafficAsPromisedIsQuietAndLogged) {
  std::vector<AuditSummary> logged;
  Audit audit = audit_of({.window = 1000, .log = [&](const AuditSummary& summary) { logged.push_back(summary); }});
  Rng rng(3);
  for (int i = 0; i < 20'000; ++i) {
    const float score = static_cast<float>(rng.uniform());
    audit.passed({&score, 1});
    if (score <= 0.8f && i % 10 == 0) audit.compared(0, rng.uniform() < 0.97);
  }
  ASSERT_EQ(logged.size(), 20u);
  const AuditSummary last = logged.back();
  EXPECT_EQ(last.images, 20'000u);
  EXPECT_EQ(last.score_alarms + last.agreement_alarms, 0u);
  EXPECT_LE(last.agreement_low, 0.97);
  EXPECT_GE(last.agreement_high, 0.97);
  EXPECT_NEAR(last.promised_agreement, 0.97, 1e-12);
  // Uniform scores: of the plan's own point, which sends on 20 %.
  EXPECT_NEAR(last.thresholds[0], 0.8, 0.05);
  EXPECT_THAT(last.text, testing::HasSubstr("97.00 % were promised"));
}

TEST(Audit, HarderImagesAreNoticedAndThresholdsFollow) {
  std::size_t logged = 0;
  Audit audit = audit_of({.window = 1000, .log = [&](const AuditSummary& summary) {
                            ++logged;
                            EXPECT_TRUE(summary.new_score_alarm || summary.images % 1000 != 0) << summary.text;
                          }});
  Rng rng(4);
  for (int i = 0; i < 3000; ++i) {
    const float score = std::sqrt(static_cast<float>(rng.uniform()));  // P(score <= x) = x^2
    audit.passed({&score, 1});
    if (score <= 0.8f) audit.compared(0, rng.uniform() < 0.85);
  }
  const AuditSummary summary = audit.summary();
  EXPECT_EQ(summary.score_alarms, 3u);
  EXPECT_GE(summary.agreement_alarms, 1u);
  EXPECT_GE(logged, 4u);
  EXPECT_NEAR(summary.score_distance, 0.25, 0.05);           // of x - x^2, at 0.5
  EXPECT_NEAR(summary.thresholds[0], std::sqrt(0.8), 0.02);  // sends on 20 % of these
  EXPECT_LT(summary.agreement_high, summary.promised_agreement);
}

// Three exits, of which the first two have uniform scores on the curve's images.
PlanCurve three_exits() {
  PlanCurve curve = made_up_curve();
  curve.path_us = {200, 500, 1200};
  curve.scores.push_back(curve.scores.front());
  for (OperatingPoint* point : {&curve.plan, &curve.points.front()}) {
    point->thresholds = {0.8, 0.5};
    point->exit_share = {0.8, 0.1, 0.1};
    point->agreement = {0.97, 0.98};
  }
  curve.points.resize(1);
  return curve;
}

TEST(Audit, ScoresBehindTheFirstExitAreHeldToTheCurveAsWell) {
  for (const bool drifts : {false, true}) {
    std::vector<AuditSummary> logged;
    auto audit = Audit::make(
        three_exits(), {.share = 0.2, .window = 1000, .log = [&](const AuditSummary& one) { logged.push_back(one); }});
    ASSERT_TRUE(audit) << audit.error().message;
    Rng rng(11);
    for (int i = 0; i < 20'000; ++i) {
      const auto first = static_cast<float>(rng.uniform()), second = static_cast<float>(rng.uniform());
      const std::array scores{first, drifts ? std::sqrt(second) : second};
      audit->passed(std::span(scores).first(first > 0.8f ? 2 : 1));  // who comes there by itself is chosen by the first
      if (audit->wanted()) audit->sampled(scores);
    }
    const AuditSummary summary = audit->summary();
    EXPECT_EQ(summary.score_alarms > 0, drifts);
    EXPECT_EQ(std::ranges::any_of(logged, &AuditSummary::new_score_alarm), drifts);
    if (!drifts) continue;
    EXPECT_EQ(summary.score_exit, 1u);
    EXPECT_NEAR(summary.score_distance, 0.25, 0.05);  // of x - x^2, at 0.5
    EXPECT_THAT(summary.text, testing::HasSubstr("scores at exit 1 differ by"));
  }
}

// Another point in force promises something else.
TEST(Audit, ThePointInForceSaysWhatIsPromised) {
  Audit audit = audit_of({.window = 1000});
  OperatingPoint point = made_up_curve().points[10];
  point.agreement = {0.5};
  audit.in_force(point);
  for (int i = 0; i < 400; ++i) audit.compared(0, i % 2 == 0);
  EXPECT_EQ(audit.summary().agreement_alarms, 0u);
  EXPECT_DOUBLE_EQ(audit.summary().promised_agreement, 0.5);
  audit.in_force(made_up_curve().points[10]);
  for (int i = 0; i < 400; ++i) audit.compared(0, i % 2 == 0);
  EXPECT_GE(audit.summary().agreement_alarms, 1u);
}

TEST(Audit, SolvedForAnyPoint) {
  Audit audit = audit_of({.window = 2000});
  const PlanCurve curve = made_up_curve();
  EXPECT_EQ(audit.solved_thresholds(curve.points[10]), curve.points[10].thresholds);  // nothing seen yet
  for (int i = 0; i < 2000; ++i) {
    const float score = static_cast<float>(i) / 4000;  // half as large as on the curve's images
    audit.passed({&score, 1});
  }
  EXPECT_NEAR(audit.solved_thresholds(curve.points[10])[0], 0.25, 1e-3);
  EXPECT_EQ(audit.solved_thresholds(curve.points[0])[0], 1);
  EXPECT_EQ(audit.solved_thresholds(curve.points[20])[0], -1);
}

}  // namespace
}  // namespace triage::runtime
