#include "search/solve/plan_solver.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/test_support.h"

namespace triage::search {
namespace {

using threshold::CostLevels;

struct Case {  // stages that grow better, with scores that tell something
  std::size_t images;
  std::vector<std::vector<std::uint8_t>> correct;
  std::vector<Ranking> rankings;
  std::vector<cost::CostedStage> costs;
  std::vector<SolverStage> stages;

  Case(std::size_t count, std::uint64_t seed, std::size_t image_count = 300) : images(image_count) {
    Rng rng(seed);
    correct.assign(count, std::vector<std::uint8_t>(images));
    for (std::size_t j = 0; j < count; ++j) {
      std::vector<float> score(images);
      for (std::size_t i = 0; i < images; ++i) {
        correct[j][i] = rng.uniform() < 0.6 + 0.1 * static_cast<double>(j);
        // Coarse, so that some are equal.
        score[i] = static_cast<float>(std::floor(40 * (correct[j][i] ? 0.6 * rng.uniform() : rng.uniform())) / 40);
      }
      if (j + 1 < count) rankings.push_back(threshold::rank_compactly(score));
      costs.push_back({.cost = {.latency_us = 10.0 * static_cast<double>(j + 1) + rng.uniform()},
                       .size = {.macs = 1'000'000 * static_cast<std::int64_t>(j + 1)}});
    }
    costs[0].size.weight_bytes = 100 * 1024;
    for (std::size_t j = 0; j < count; ++j) stages.emplace_back(j + 1 < count ? &rankings[j] : nullptr, &correct[j]);
  }

  struct Run {
    double accuracy = 0, mean_us = 0, p90_us = 0, worst_us = 0, mean_macs = 0;
  };
  // What thresholds give, image by image.
  Run simulate(const std::vector<double>& thresholds) const {
    Run run;
    std::vector<double> paths;
    const double share = 1 / static_cast<double>(images);
    for (std::size_t i = 0; i < images; ++i) {
      std::size_t j = 0;
      double path = costs[0].cost.latency_us, macs = static_cast<double>(costs[0].size.macs);
      while (j < thresholds.size() && scores(rankings[j])[i] > thresholds[j]) {
        path += costs[++j].cost.latency_us;
        macs += static_cast<double>(costs[j].size.macs);
      }
      run.accuracy += correct[j][i];
      run.mean_us += path * share;
      run.mean_macs += macs * share;
      paths.push_back(path);
    }
    run.accuracy *= share;
    std::ranges::sort(paths);
    run.p90_us = paths[(9 * images + 9) / 10 - 1];
    run.worst_us = paths.back();
    return run;
  }

  // All that any thresholds give.
  std::vector<Run> simulate_all() const {
    std::vector<std::vector<double>> choices{{}};
    for (const Ranking& ranking : rankings) {
      std::vector<std::vector<double>> longer;
      for (std::size_t k = 0; k <= images; ++k) {
        if (k > 0 && !std::visit([k](const auto& ranked) { return ranked.group_end[k - 1] != 0; }, ranking)) continue;
        for (std::vector<double> choice : choices) {
          choice.push_back(threshold::threshold_after(ranking, k));
          longer.push_back(std::move(choice));
        }
      }
      choices = std::move(longer);
    }
    std::vector<Run> runs;
    for (const std::vector<double>& choice : choices) runs.push_back(simulate(choice));
    return runs;
  }
};

TEST(PlanSolver, PointsAreWhatTheirThresholdsGive) {
  for (std::size_t count = 1; count <= kMaxSearchStages; ++count) {
    const Case one(count, count);
    const CostLevels levels(5, 200, 40);
    const auto points = solve(one.stages, one.costs, {}, cost::CostAxis::latency, levels);
    ASSERT_FALSE(points.empty());
    for (std::size_t p = 0; p < points.size(); ++p) {
      const Case::Run run = one.simulate(points[p].thresholds);
      const double latency = run.mean_us;
      EXPECT_NEAR(points[p].accuracy, run.accuracy, 1e-12) << count << " stages";
      EXPECT_NEAR(points[p].cost, latency, 1e-9);
      EXPECT_NEAR(on_axis(plan_cost(one.costs, points[p].reach), cost::CostAxis::latency), latency, 1e-9);
      if (p > 0) {
        EXPECT_GT(points[p].accuracy, points[p - 1].accuracy);
        EXPECT_GT(points[p].cost, points[p - 1].cost);
      }
    }
  }
}

// As above with more images than 16 bits count.
TEST(PlanSolver, TakesMoreThan65535Images) {
  for (const std::size_t count : {2u, 3u}) {
    const Case one(count, count, 70'000);
    const auto points = solve(one.stages, one.costs, {}, cost::CostAxis::latency, CostLevels(5, 200, 40));
    ASSERT_GT(points.size(), 3u);
    for (const OperatingPoint& point : points) {
      const Case::Run run = one.simulate(point.thresholds);
      EXPECT_NEAR(point.accuracy, run.accuracy, 1e-12);
      EXPECT_NEAR(point.cost, run.mean_us, 1e-6);
    }
  }
}

bool keeps(const Case::Run& run, const cost::Budgets& budgets) {
  const auto kept = [](double value, const std::optional<double>& limit) { return !limit || value <= *limit + 1e-9; };
  return kept(run.mean_us, budgets.mean_latency_us) && kept(run.p90_us, budgets.p90_latency_us) &&
         kept(run.worst_us, budgets.worst_latency_us) && kept(run.mean_macs, budgets.mean_macs);
}

// No more images than the grid has quantiles, so that it has all thresholds there are: under every budget the best of
// every level must be the best of all settings, tried one by one.
TEST(PlanSolver, FindsTheBestOfEveryLevelWithinTheBudgets) {
  const CostLevels levels(5, 200, 40);
  const cost::Budgets loose{.mean_latency_us = 1000, .model_kb = 100};
  const std::vector<cost::Budgets> all{{},
                                       loose,
                                       {.mean_latency_us = 14},
                                       {.p90_latency_us = 15},
                                       {.worst_latency_us = 35},
                                       {.mean_macs = 1.5e6},
                                       {.p90_latency_us = 35, .mean_macs = 1.6e6}};
  for (const auto& [count, images] : {std::pair{1u, 50u}, {2u, 300u}, {3u, 60u}, {4u, 20u}}) {
    const Case one(count, count + 7, images);
    const std::vector<Case::Run> runs = one.simulate_all();
    for (const cost::Budgets& budgets : all) {
      const auto points = solve(one.stages, one.costs, budgets, cost::CostAxis::latency, levels);
      for (std::size_t level = 0; level < levels.size(); ++level) {
        double wanted = 0, found = 0;
        for (const Case::Run& run : runs) {
          if (keeps(run, budgets) && run.mean_us <= levels.upper(level) + 1e-9) wanted = std::max(wanted, run.accuracy);
        }
        for (const OperatingPoint& point : points) {
          if (point.violation == 0 && point.cost <= levels.upper(level) + 1e-9) found = std::max(found, point.accuracy);
        }
        EXPECT_NEAR(found, wanted, 1e-12)
            << count << " stages, " << to_json(budgets) << " up to " << levels.upper(level);
      }
      for (const OperatingPoint& point : points) {
        EXPECT_EQ(violation(plan_cost(one.costs, point.reach), budgets), point.violation);
        EXPECT_TRUE(point.violation > 0 || keeps(one.simulate(point.thresholds), budgets));
      }
    }
  }
}

// That the budgets above are none that hold anyway.
TEST(PlanSolver, BudgetsBind) {
  const Case one(3, 4);
  const auto best = [&](const cost::Budgets& budgets) {
    return solve(one.stages, one.costs, budgets, cost::CostAxis::latency, CostLevels(5, 200, 60)).back().accuracy;
  };
  const double all = best({});
  EXPECT_DOUBLE_EQ(best({.mean_latency_us = 1000, .model_kb = 100}), all);
  for (const cost::Budgets& budgets : {cost::Budgets{.mean_latency_us = 14}, cost::Budgets{.p90_latency_us = 15},
                                       cost::Budgets{.worst_latency_us = 35}, cost::Budgets{.mean_macs = 1.5e6}})
    EXPECT_LT(best(budgets), all) << to_json(budgets);
}

TEST(PlanSolver, WhereNothingKeepsTheBudgetsTheClosestPointIsGiven) {
  const Case one(2, 5);
  const cost::Budgets budgets{.mean_latency_us = 5};
  const auto points = solve(one.stages, one.costs, budgets, cost::CostAxis::latency, CostLevels(5, 200, 40));
  ASSERT_EQ(points.size(), 1u);
  EXPECT_EQ(points[0].reach[1], 0);  // nobody goes on
  EXPECT_NEAR(points[0].violation, one.costs[0].cost.latency_us / 5 - 1, 1e-12);
}

}  // namespace
}  // namespace triage::search
