#include "search/solve/plan_solver.h"

#include <gtest/gtest.h>

#include "core/test_support.h"
#include "route/curve.h"

namespace triage::search {
namespace {

constexpr std::size_t kImages = 300;

struct Case {  // stages that grow better, with scores that tell something
  std::vector<std::vector<std::uint8_t>> right;
  std::vector<Ranking> rankings;
  Bill bill;
  std::vector<SolverStage> stages;

  Case(std::size_t count, std::uint64_t seed) {
    Rng rng(seed);
    right.assign(count, std::vector<std::uint8_t>(kImages));
    for (std::size_t j = 0; j < count; ++j) {
      std::vector<float> score(kImages);
      for (std::size_t i = 0; i < kImages; ++i) {
        right[j][i] = rng.uniform() < 0.6 + 0.1 * static_cast<double>(j);
        // Coarse, so that some are equal.
        score[i] = static_cast<float>(std::floor(40 * (right[j][i] ? 0.6 * rng.uniform() : rng.uniform())) / 40);
      }
      if (j + 1 < count) rankings.push_back(rank_images(score));
      bill.stages.push_back({.latency_us = 10.0 * static_cast<double>(j + 1) + rng.uniform(), .macs = 1e6 * (j + 1.0)});
    }
    bill.model_kb = 100;
    bill.memory_kb = 300;
    for (std::size_t j = 0; j < count; ++j) stages.emplace_back(j + 1 < count ? &rankings[j] : nullptr, &right[j]);
  }

  // Accuracy and mean latency of thresholds, image by image.
  std::pair<double, double> simulate(const std::vector<double>& thresholds) const {
    double hits = 0, cost = 0;
    for (std::size_t i = 0; i < kImages; ++i) {
      std::size_t j = 0;
      cost += bill.stages[0].latency_us;
      while (j < thresholds.size() && rankings[j].score[i] > thresholds[j]) cost += bill.stages[++j].latency_us;
      hits += right[j][i];
    }
    return {hits / kImages, cost / kImages};
  }
};

TEST(PlanSolver, PointsAreWhatTheirThresholdsGive) {
  for (std::size_t count = 1; count <= kMostStages; ++count) {
    const Case one(count, count);
    const CostLevels levels(5, 200, 40);
    const auto points = solve(one.stages, one.bill, {}, CostAxis::latency, levels);
    ASSERT_FALSE(points.empty());
    for (std::size_t p = 0; p < points.size(); ++p) {
      const auto [accuracy, latency] = one.simulate(points[p].thresholds);
      EXPECT_DOUBLE_EQ(points[p].accuracy, accuracy) << count << " stages";
      EXPECT_NEAR(points[p].cost, latency, 1e-9);
      EXPECT_NEAR(on_axis(plan_cost(one.bill, points[p].reach), CostAxis::latency), latency, 1e-9);
      if (p > 0) {
        EXPECT_GT(points[p].accuracy, points[p - 1].accuracy);
        EXPECT_GT(points[p].cost, points[p - 1].cost);
      }
    }
  }
}

// Against the exact curve of route/curve.h.
TEST(PlanSolver, TwoStagesFindTheBestOfEveryLevel) {
  const Case one(2, 9);
  const CostLevels levels(5, 200, 40);
  const auto points = solve(one.stages, one.bill, {}, CostAxis::latency, levels);
  const double first = one.bill.stages[0].latency_us, both = first + one.bill.stages[1].latency_us;
  const auto curve = route::CurveMaker(one.right, {one.rankings[0].score}, {first, both}).curve();
  for (std::size_t level = levels.level(first); level < levels.size(); ++level) {
    double wanted = 0, found = 0;
    for (const auto& point : curve) {
      if (point.latency_us <= levels.upper(level) + 1e-9) wanted = std::max(wanted, point.accuracy);
    }
    for (const auto& point : points) {
      if (point.cost <= levels.upper(level) + 1e-9) found = std::max(found, point.accuracy);
    }
    EXPECT_DOUBLE_EQ(found, wanted) << levels.upper(level);
  }
}

TEST(PlanSolver, BudgetsAreKeptAndOnlyTheNeededOnesBind) {
  const Case one(3, 4);
  const CostLevels levels(5, 200, 60);
  const auto best = [&](const Budgets& budgets) {
    return solve(one.stages, one.bill, budgets, CostAxis::latency, levels);
  };
  const auto check = [&](const Budgets& budgets) {
    const auto points = best(budgets);
    for (const auto& point : points) EXPECT_EQ(violation(plan_cost(one.bill, point.reach), budgets), 0);
    EXPECT_EQ(points.front().violation, 0);
    return points.back().accuracy;
  };
  const double all = best({}).back().accuracy;
  EXPECT_DOUBLE_EQ(check({.mean_latency_us = 1000, .model_kb = 100}), all);
  EXPECT_LT(check({.mean_latency_us = 14}), all);
  EXPECT_LT(check({.p90_latency_us = 15}), all);
  EXPECT_LT(check({.worst_latency_us = 35}), all);  // the third stage, at about 60 us, is out of reach
  for (const auto& point : best({.worst_latency_us = 35})) EXPECT_EQ(point.reach[2], 0);
  EXPECT_LT(check({.mean_macs = 1.5e6}), all);
}

TEST(PlanSolver, WhereNothingKeepsTheBudgetsTheClosestPointIsGiven) {
  const Case one(2, 5);
  const Budgets budgets{.mean_latency_us = 5};
  const auto points = solve(one.stages, one.bill, budgets, CostAxis::latency, CostLevels(5, 200, 40));
  ASSERT_EQ(points.size(), 1u);
  EXPECT_EQ(points[0].reach[1], 0);  // nobody goes on
  EXPECT_NEAR(points[0].violation, one.bill.stages[0].latency_us / 5 - 1, 1e-12);
}

TEST(Violation, NamesTheWorst) {
  Bill bill{{{.latency_us = 30, .macs = 2e6}}, false, 300, 100};
  std::string worst;
  EXPECT_NEAR(violation(plan_cost(bill, std::array{1.0}), {.mean_latency_us = 20, .memory_kb = 100}, &worst), 2.5,
              1e-12);
  EXPECT_EQ(worst, "memory 300.0 KB of 100.0");
  EXPECT_EQ(violation(plan_cost(bill, std::array{1.0}), {.mean_energy_uj = 5}, &worst), 1);
  EXPECT_EQ(worst, "mean energy, which is not available on this device,");
}

TEST(PlanCost, CountsPathsByTheShareThatTakesThem) {
  const Bill bill{{{.latency_us = 10}, {.latency_us = 20}, {.latency_us = 40}}, false, 0, 0};
  const PlanCost cost = plan_cost(bill, std::array{1.0, 0.5, 0.05});
  EXPECT_DOUBLE_EQ(cost.mean_latency_us, 22);
  EXPECT_DOUBLE_EQ(cost.p90_latency_us, 30);  // 95 % have left after the second stage
  EXPECT_DOUBLE_EQ(cost.worst_latency_us, 70);
  EXPECT_DOUBLE_EQ(plan_cost(bill, std::array{1.0, 0.5, 0.0}).worst_latency_us, 30);
}

TEST(CostLevels, ARunsOutOfRangeIsNoLevel) {
  const CostLevels levels(1, 100, 3);
  EXPECT_EQ(levels.level(0.5), 0u);
  EXPECT_EQ(levels.level(10), 1u);
  EXPECT_EQ(levels.level(10.1), 2u);
  EXPECT_EQ(levels.level(101), 3u);
  EXPECT_EQ(error_of([] { CostLevels(2, 1, 3); }),
            "cost levels: expected 0 < low < high and at least 2, found 2, 1 and 3");
}

}  // namespace
}  // namespace triage::search
