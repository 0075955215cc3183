#include "route/curve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/rng.h"

namespace triage::route {
namespace {

using Correct = std::vector<std::vector<std::uint8_t>>;

// By hand: four images, little right on b and d, big right on a, b, c. Scores order them c, a, b, d.
//   share 0: 2/4; c: 3/4; c a: 4/4; c a b: 4/4; all: 3/4. Latency 100 + 300 * share.
// Two classes, three images of one and one of the other: the one image counts as much as the three.
TEST(Curve, ValuesOfImages) {
  const std::vector<std::vector<std::uint8_t>> correct{{1, 1, 1, 0}, {0, 1, 1, 1}};
  const ExitScores scores{{0.6f, 0.4f, 0.2f, 0.8f}};
  const auto curve = CurveMaker(correct, scores, {100, 400}, {1, 1, 1, 3}).curve();
  ASSERT_EQ(curve.size(), 5u);
  EXPECT_DOUBLE_EQ(curve[0].accuracy, 3.0 / 6);
  EXPECT_DOUBLE_EQ(curve[1].accuracy, 6.0 / 6);  // the last image goes on
  EXPECT_DOUBLE_EQ(curve[1].escalation, 0.25);   // shares and latencies count images
  EXPECT_DOUBLE_EQ(curve[4].accuracy, 5.0 / 6);
  EXPECT_THROW(CurveMaker(correct, scores, {100, 400}, {1, 1}), Error);
}

TEST(Curve, TwoStagesByHand) {
  const Correct correct{{0, 1, 0, 1}, {1, 1, 1, 0}};
  const CurveMaker maker(correct, {{0.6f, 0.4f, 0.8f, 0.2f}}, {100, 400});
  const auto curve = maker.curve();
  ASSERT_EQ(curve.size(), 5u);
  const double accuracy[] = {0.5, 0.75, 1, 1, 0.75},
               threshold[] = {threshold::kEscalateNone, 0.7, 0.5, 0.3, threshold::kEscalateAll};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_DOUBLE_EQ(curve[i].accuracy, accuracy[i]);
    EXPECT_DOUBLE_EQ(curve[i].escalation, 0.25 * static_cast<double>(i));
    EXPECT_DOUBLE_EQ(curve[i].share, 0.25 * static_cast<double>(i));
    EXPECT_DOUBLE_EQ(curve[i].latency_us, 100 + 75 * static_cast<double>(i));
    EXPECT_NEAR(curve[i].thresholds[0], threshold[i], 1e-7);
  }
  const Area area = maker.area();
  EXPECT_DOUBLE_EQ(area.weak, 0.5);
  EXPECT_DOUBLE_EQ(area.strong, 0.75);
  EXPECT_DOUBLE_EQ(area.area, 0.25 * (0.625 + 0.875 + 1 + 0.875));  // trapezoids: 0.84375
  EXPECT_DOUBLE_EQ(area.apgr, (0.84375 - 0.5) / 0.25);              // above 1: better than the strong net everywhere
  EXPECT_THAT(area.calls, testing::Each(0.25));                     // the first escalation recovers the whole gap
}

TEST(Curve, TiesAreEscalatedTogetherAndCountAsRandomOrder) {
  const Correct correct{{0, 0, 1, 1}, {1, 1, 1, 1}};
  const CurveMaker maker(correct, {{0.5f, 0.5f, 0.5f, 0.5f}}, {1, 2});
  ASSERT_EQ(maker.curve().size(), 2u);
  EXPECT_DOUBLE_EQ(maker.area().apgr, 0.5);  // a score that says nothing is a random router
  EXPECT_DOUBLE_EQ(maker.area().calls[0], 1);
}

TEST(Curve, OracleBoundsEveryPolicyAndRandomHasHalf) {
  Rng rng(5);
  constexpr std::size_t n = 20000;
  Verdicts verdicts{{}, Correct(2, std::vector<std::uint8_t>(n))};
  for (auto& c : verdicts.correct[0]) c = rng.uniform() < 0.80;
  for (auto& c : verdicts.correct[1]) c = rng.uniform() < 0.95;
  const Area random = CurveMaker(verdicts.correct, random_scores(1, n, 7), {1, 5}).area();
  const Area oracle = CurveMaker(verdicts.correct, oracle_scores(verdicts), {1, 5}).area();
  EXPECT_NEAR(random.apgr, 0.5, 0.03);  // expected 0.5; standard error about 0.009 for 4,000 discordant images
  EXPECT_NEAR(between_random_and_oracle(random, oracle), 0, 0.03);
  EXPECT_DOUBLE_EQ(between_random_and_oracle(oracle, oracle), 1);
  // Independent stages: 0.19 to win in the first 19 %, 0.77 neutral, 0.04 to lose at the end.
  EXPECT_NEAR(oracle.area, 0.80 + 0.19 * (1 - 0.19 / 2) - 0.04 * 0.02, 0.004);
  EXPECT_GT(oracle.apgr, 1);
}

TEST(Curve, NoGapGivesNoNumber) {
  const Area area = CurveMaker({{1, 0}, {0, 1}}, {{0.1f, 0.9f}}, {1, 2}).area();
  EXPECT_TRUE(std::isnan(area.apgr));
  EXPECT_TRUE(std::isnan(area.calls[0]));
}

struct Random {  // a small problem with many ties
  Correct correct;
  ExitScores scores;
  std::vector<double> path;
  Random(std::size_t stages, std::size_t count, std::uint64_t seed) {
    Rng rng(seed);
    for (std::size_t s = 0; s < stages; ++s) {
      auto& c = correct.emplace_back(count);
      for (auto& v : c) v = rng.uniform() < 0.5 + 0.15 * static_cast<double>(s);
      path.push_back((path.empty() ? 0 : path.back()) + 1 + rng.uniform());
      if (s + 1 == stages) break;
      auto& score = scores.emplace_back(count);
      for (auto& v : score) v = static_cast<float>(rng.below(8)) / 7;  // 0 and 1 included
    }
  }
  // One image after the other, as the runtime does.
  CurvePoint brute_force(const std::vector<double>& thresholds) const {
    CurvePoint out{thresholds};
    const auto exits = exits_taken(scores, thresholds);
    for (std::size_t i = 0; i < exits.size(); ++i) {
      out.accuracy += correct[exits[i]][i] / static_cast<double>(exits.size());
      out.latency_us += path[exits[i]] / static_cast<double>(exits.size());
      out.escalation += (exits[i] > 0) / static_cast<double>(exits.size());
    }
    return out;
  }
};

TEST(CurveProperty, EveryPointIsWhatTheThresholdsDo) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Random problem(2 + seed % 3, 1 + seed % 23, seed);
    const auto curve = CurveMaker(problem.correct, problem.scores, problem.path).curve();
    for (const CurvePoint& point : curve) {
      const CurvePoint truth = problem.brute_force(point.thresholds);
      EXPECT_NEAR(point.accuracy, truth.accuracy, 1e-12) << "seed " << seed;
      EXPECT_NEAR(point.latency_us, truth.latency_us, 1e-9) << "seed " << seed;
      EXPECT_NEAR(point.escalation, truth.escalation, 1e-12) << "seed " << seed;
    }
    EXPECT_TRUE(std::ranges::is_sorted(curve, {}, &CurvePoint::latency_us));
  }
}

// The scores take 8 values, so a grid has all settings there are: the front must be the true one.
TEST(CurveProperty, ThreeStagesGiveTheParetoSetOfAllSettings) {
  for (std::uint64_t seed = 100; seed < 120; ++seed) {
    const Random problem(3, 25, seed);
    std::vector<CurvePoint> all;
    for (int a = -1; a < 8; ++a) {
      for (int b = -1; b < 8; ++b) all.push_back(problem.brute_force({(a + 0.5) / 7, (b + 0.5) / 7}));
    }
    std::set<std::pair<int, int>> expected, found;  // rounded: sums run in another order
    const auto rounded = [](const CurvePoint& p) {
      return std::pair(static_cast<int>(std::lround(p.latency_us * 1e6)),
                       static_cast<int>(std::lround(p.accuracy * 1e6)));
    };
    for (const CurvePoint& p : all) {
      const bool dominated = std::ranges::any_of(all, [&](const CurvePoint& q) {
        const bool no_worse = q.latency_us <= p.latency_us + 1e-9 && q.accuracy >= p.accuracy - 1e-9;
        return no_worse && (q.latency_us < p.latency_us - 1e-9 || q.accuracy > p.accuracy + 1e-9);
      });
      if (!dominated) expected.insert(rounded(p));
    }
    for (const CurvePoint& p : CurveMaker(problem.correct, problem.scores, problem.path).curve())
      found.insert(rounded(p));
    EXPECT_EQ(found, expected) << "seed " << seed;
  }
}

TEST(CurveProperty, WeightsAreRepeatedImages) {
  for (std::uint64_t seed = 200; seed < 220; ++seed) {
    const Random problem(2 + seed % 2, 12, seed);
    Rng rng(seed);
    std::vector<std::uint32_t> weights(12);
    Random repeated = problem;
    for (auto& c : repeated.correct) c.clear();
    for (auto& s : repeated.scores) s.clear();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      weights[i] = rng.below(3) + (i == 0);
      for (std::uint32_t w = 0; w < weights[i]; ++w) {
        for (std::size_t s = 0; s < problem.correct.size(); ++s) repeated.correct[s].push_back(problem.correct[s][i]);
        for (std::size_t s = 0; s < problem.scores.size(); ++s) repeated.scores[s].push_back(problem.scores[s][i]);
      }
    }
    const Area weighted = CurveMaker(problem.correct, problem.scores, problem.path).area(weights);
    const Area truth = CurveMaker(repeated.correct, repeated.scores, problem.path).area();
    EXPECT_NEAR(weighted.area, truth.area, 1e-9) << "seed " << seed;
    EXPECT_NEAR(weighted.weak, truth.weak, 1e-12);
    EXPECT_NEAR(weighted.strong, truth.strong, 1e-12);
  }
}

TEST(Choice, BudgetTargetAndKnee) {
  const std::vector<CurvePoint> curve{
      {{1.0}, 0.80, 100}, {{0.6}, 0.88, 140}, {{0.4}, 0.90, 200}, {{0.2}, 0.895, 300}, {{-1.0}, 0.90, 500}};
  EXPECT_DOUBLE_EQ(most_accurate(curve, 199).latency_us, 140);
  EXPECT_DOUBLE_EQ(most_accurate(curve, 1000).latency_us, 200);  // not the more expensive one of the same accuracy
  EXPECT_DOUBLE_EQ(cheapest(curve, 0.89).latency_us, 200);
  EXPECT_DOUBLE_EQ(knee(curve).latency_us, 140);  // 0.8 of the height at 0.4 of the width
  EXPECT_THROW(most_accurate(curve, 99), Error);
  EXPECT_THROW(cheapest(curve, 0.91), Error);
  EXPECT_THROW(knee({}), Error);
}

TEST(Curve, RefusesWhatDoesNotFit) {
  EXPECT_THROW(CurveMaker({{1}}, {}, {1}), Error);
  EXPECT_THROW(CurveMaker({{1}, {1}}, {{0.5f}}, {1}), Error);
  EXPECT_THROW(CurveMaker({{1}, {1, 0}}, {{0.5f}}, {1, 2}), Error);
  EXPECT_THROW(CurveMaker({{1}, {1}}, {{0.5f}}, {2, 1}), Error);
  EXPECT_THROW(CurveMaker({{}, {}}, {{}}, {1, 2}), Error);
}

}  // namespace
}  // namespace triage::route
