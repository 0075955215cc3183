#include "evaluate/compare/policies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.h"
#include "core/test_support.h"
#include "evaluate/tiny_test.h"

namespace triage::evaluate {
namespace {

using testing::ElementsAre;

using Verdict = std::vector<std::uint8_t>;

TEST(PairedTest, ByHand) {
  const Verdict a{1, 1, 1, 1, 1, 0}, b{0, 0, 0, 0, 0, 0};
  const results::PairedTest test = paired_test("a", a, "b", b, 7, {.bootstrap_rounds = 200});
  EXPECT_NEAR(test.difference_points, 500.0 / 6, 1e-9);
  EXPECT_NEAR(test.mcnemar_p, 2.0 / 32, 1e-9);  // five discordant pairs, all one way
  EXPECT_EQ(test.at_latency_us, 7);
}

// McNemar's exact test is the sign test on the discordant pairs: 8 against 2 is twice the probability of at most two
// heads in ten throws, (1 + 10 + 45) / 1024. Pairs that agree do not count.
TEST(PairedTest, OnlyDiscordantPairsCount) {
  Verdict a, b;
  for (int i = 0; i < 10; ++i) {
    a.push_back(i < 8);
    b.push_back(i >= 8);
  }
  EXPECT_NEAR(paired_test("a", a, "b", b, 0, {.bootstrap_rounds = 10}).mcnemar_p, 2 * 56.0 / 1024, 1e-12);
  for (int i = 0; i < 50; ++i) {
    a.push_back(i % 2);
    b.push_back(i % 2);
  }
  const results::PairedTest diluted = paired_test("a", a, "b", b, 0, {.bootstrap_rounds = 10});
  EXPECT_NEAR(diluted.mcnemar_p, 2 * 56.0 / 1024, 1e-12);
  EXPECT_NEAR(diluted.difference_points, 100 * 6.0 / 60, 1e-12);
}

TEST(PairedTest, EqualAnswersAreNoDifference) {
  const Verdict same{1, 0, 1, 1};
  const results::PairedTest test = paired_test("a", same, "b", same, 0, {.bootstrap_rounds = 100});
  EXPECT_EQ(test.difference_points, 0);
  EXPECT_EQ(test.interval.low, 0);
  EXPECT_EQ(test.interval.high, 0);
  EXPECT_EQ(test.mcnemar_p, 1);
}

TEST(PairedTest, TurnedRoundOnlyTheSignChanges) {
  const Verdict a{1, 1, 0, 1, 0, 1, 1, 0}, b{0, 1, 0, 1, 1, 0, 1, 0};
  const results::PairedTest forth = paired_test("a", a, "b", b, 0, {.bootstrap_rounds = 10}),
                            back = paired_test("b", b, "a", a, 0, {.bootstrap_rounds = 10});
  EXPECT_DOUBLE_EQ(forth.difference_points, -back.difference_points);
  EXPECT_DOUBLE_EQ(forth.mcnemar_p, back.mcnemar_p);
}

// Known distribution: a beats b on one image in ten, b beats a on one in twenty. The mean of n such differences is
// nearly normal, with variance (0.15 - 0.05^2) / n.
TEST(PairedTest, IntervalOfAKnownDistribution) {
  constexpr std::size_t kImages = 4000;
  Verdict a(kImages, 1), b(kImages, 1);
  for (std::size_t i = 0; i < kImages; ++i) {
    b[i] = i % 10 != 0;
    a[i] = i % 20 != 1;
  }
  const results::PairedTest test = paired_test("a", a, "b", b, 0, {.bootstrap_rounds = 2000});
  EXPECT_NEAR(test.difference_points, 5, 1e-9);
  const double half = 100 * 1.96 * std::sqrt((0.15 - 0.0025) / kImages);
  EXPECT_NEAR(test.interval.high - 5, half, 0.1 * half);
  EXPECT_NEAR(5 - test.interval.low, half, 0.1 * half);
  EXPECT_LT(test.mcnemar_p, 1e-6);
}

TEST(PointAt, IsTheDearestThatCanBeAfforded) {
  const std::vector<route::CurvePoint> curve{
      {.accuracy = 0.1, .latency_us = 10}, {.accuracy = 0.2, .latency_us = 20}, {.accuracy = 0.3, .latency_us = 30}};
  EXPECT_EQ(point_at(curve, 25).latency_us, 20);
  EXPECT_EQ(point_at(curve, 30).latency_us, 30);
  EXPECT_EQ(point_at(curve, 30 * (1 - 1e-14)).latency_us, 30);  // rounding is no budget
  EXPECT_EQ(point_at(curve, 1e9).latency_us, 30);
  EXPECT_EQ(point_at(curve, 5).latency_us, 10);  // none can: the cheapest
}

TEST(CorrectAt, TakesEachImageWhereItLeft) {
  const route::Verdicts verdicts{.label = {}, .correct = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  EXPECT_THAT(correct_at(verdicts, Verdict{0, 1, 2}), ElementsAre(1, 1, 1));
  EXPECT_THAT(correct_at(verdicts, Verdict{2, 0, 0}), ElementsAre(0, 0, 0));
}

struct ComparePolicies : testing::Test {
  plan::Plan plan = tiny_plan();
  route::ScoreTable table = tiny_table();
  ComparisonOptions options{.bootstrap_rounds = 200};
  const results::Policy& policy(const Comparison& comparison, const std::string& name) {
    return *std::ranges::find(comparison.policies, name, &results::Policy::name);
  }
};

// The least confident go on first: images 5, 1, 2, 3, 0, 4; of six are right then 3, 3, 4, 3, 4, 4, 4.
TEST_F(ComparePolicies, ConfidenceByHand) {
  const Comparison comparison = compare_policies(plan, table, options);
  const results::Policy& confidence = policy(comparison, "confidence");
  std::vector<double> right, latency, escalation;
  for (const results::CurvePoint& point : confidence.curve) {
    right.push_back(std::round(6 * point.accuracy));
    latency.push_back(std::round(point.latency_us));
    escalation.push_back(std::round(6 * point.escalation));
    EXPECT_EQ(point.thresholds.size(), 1u);
  }
  EXPECT_THAT(right, ElementsAre(3, 3, 4, 3, 4, 4, 4));
  EXPECT_THAT(latency, ElementsAre(100, 200, 300, 400, 500, 600, 700));
  EXPECT_THAT(escalation, ElementsAre(0, 1, 2, 3, 4, 5, 6));
  // The trapezoids between them: 21.5 of 36; the constant nets have 18 and 24.
  EXPECT_NEAR(confidence.apgr.value.value(), (21.5 - 18) / (24 - 18), 1e-9);
  EXPECT_LE(confidence.apgr.interval->low, confidence.apgr.interval->high);
}

// The oracle sends on 1 and 3 (the big net repairs them), then what makes no difference, image 2 (it breaks) last.
TEST_F(ComparePolicies, OracleByHand) {
  const Comparison comparison = compare_policies(plan, table, options);
  const results::Policy& oracle = policy(comparison, "oracle");
  std::vector<std::pair<double, double>> points;
  for (const results::CurvePoint& point : oracle.curve)
    points.emplace_back(std::round(6 * point.escalation), std::round(6 * point.accuracy));
  EXPECT_THAT(points, ElementsAre(std::pair{0, 3}, std::pair{2, 5}, std::pair{5, 5}, std::pair{6, 4}));
  EXPECT_NEAR(oracle.apgr.value.value(), (27.5 - 18) / (24 - 18), 1e-9);
  EXPECT_NEAR(oracle.between_random_and_oracle.value.value(), 1, 1e-9);
  const double confidence = (21.5 - 21) / (27.5 - 21);  // random: half way between the nets
  EXPECT_NEAR(policy(comparison, "confidence").between_random_and_oracle.value.value(), confidence, 1e-9);
}

TEST_F(ComparePolicies, TheOrderOfTheFile) {
  std::vector<std::string> names;
  for (const results::Policy& one : compare_policies(plan, table, options).policies) names.push_back(one.name);
  EXPECT_THAT(names, ElementsAre("confidence", "entropy", "margin", "random", "oracle"));  // no routers: not learned
}

TEST_F(ComparePolicies, DifferencesAreOfTheSamePolicies) {
  const Comparison comparison = compare_policies(plan, table, options);
  ASSERT_EQ(comparison.differences.size(), 1u);
  const results::ApgrDifference& difference = comparison.differences[0];
  EXPECT_EQ(difference.a, "confidence");
  EXPECT_EQ(difference.b, "random");
  EXPECT_NEAR(difference.apgr.value.value(),
              *policy(comparison, "confidence").apgr.value - *policy(comparison, "random").apgr.value, 1e-12);
}

// Between equally good nets there is no gap, so no share of it.
TEST_F(ComparePolicies, EqualNetsHaveNoApgr) {
  table.stages[1] = table.stages[0];
  const Comparison comparison = compare_policies(plan, table, options);
  for (const results::Policy& one : comparison.policies) {
    EXPECT_EQ(one.apgr.value, std::nullopt) << one.name;
    EXPECT_EQ(one.apgr.interval, std::nullopt) << one.name;
    EXPECT_EQ(one.calls_for[0], std::nullopt) << one.name;
  }
}

TEST_F(ComparePolicies, LongCurvesAreThinnedButKeepTheirEnds) {
  Rng rng(4);
  std::vector<Label> labels;
  std::vector<Said> little, big;
  for (int i = 0; i < 1000; ++i) {
    labels.push_back(rng.below(4));
    little.push_back({rng.below(4), 0.3 + 0.6 * rng.uniform()});
    big.push_back({labels.back()});
  }
  table = table_of(labels, 4, {little, big});
  options.curve_points = 50;
  const Comparison comparison = compare_policies(plan, table, options);
  const std::vector<results::CurvePoint>& thin = policy(comparison, "confidence").curve;
  const std::vector<route::CurvePoint>& whole = comparison.curves.at("confidence").curve;
  EXPECT_GT(whole.size(), 900u);
  EXPECT_LE(thin.size(), 50u);
  EXPECT_GE(thin.size(), 40u);
  EXPECT_EQ(thin.front().accuracy, whole.front().accuracy);
  EXPECT_EQ(thin.back().accuracy, whole.back().accuracy);
  EXPECT_EQ(thin.back().escalation, 1);
}

TEST_F(ComparePolicies, OneStageHasNothingToCompare) {
  plan.stages.resize(1);
  table.stages.resize(1);
  const Comparison comparison = compare_policies(plan, table, options);
  EXPECT_TRUE(comparison.policies.empty());
  EXPECT_TRUE(comparison.curves.empty());
  EXPECT_TRUE(comparison.differences.empty());
}

}  // namespace
}  // namespace triage::evaluate
