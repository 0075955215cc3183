#include "workflow/study/ablation_result.h"

#include <gtest/gtest.h>

#include <cmath>

namespace triage::workflow {
namespace {

// A plan of this cost; `right` of a hundred test images are labelled right, the first ones.
TestedPlan plan(double cost, double validation, int right) {
  TestedPlan made;
  made.plan.genome = search::Genome::parse("confidence: 8");
  made.plan.accuracy = validation;
  made.plan.cost.mean_latency_us = cost;
  made.test.point.accuracy = right / 100.0;
  made.test.point.cost = cost;
  made.test.correct.assign(100, 0);
  std::fill_n(made.test.correct.begin(), right, 1);
  return made;
}

TestedMethod method(const std::string& name, std::vector<TestedPlan> plans) { return {name, "", std::move(plans)}; }

Comparison compared(std::vector<TestedSeed> seeds, std::vector<double> budgets) {
  return {.axis = cost::CostAxis::latency, .seeds = std::move(seeds), .budgets = std::move(budgets)};
}

TEST(AtBudget, TheValidationSplitChoosesNotTheTestSplit) {
  const TestedMethod of = method("joint", {plan(10, 0.8, 99), plan(20, 0.9, 50), plan(40, 0.95, 90)});
  EXPECT_EQ(at_budget(of, cost::CostAxis::latency, 30)->test.point.accuracy, 0.5);
  EXPECT_EQ(at_budget(of, cost::CostAxis::latency, 20)->test.point.accuracy, 0.5);
  EXPECT_EQ(at_budget(of, cost::CostAxis::latency, 9), nullptr);
}

TEST(Curve, IsTheMeanOfAllSeedsAndHasHolesWhereOneHasNoPlan) {
  const Comparison all =
      compared({{method("joint", {plan(10, 0.8, 80)})}, {method("joint", {plan(20, 0.8, 90)})}}, {10, 20});
  const Curve curve = all.curve(0);
  EXPECT_TRUE(std::isnan(curve[0]));
  EXPECT_NEAR(curve[1], 0.85, 1e-12);
}

TEST(CostOf, LiesBetweenTheBudgetsAroundIt) {
  const std::vector<double> budgets{10, 20, 40};
  EXPECT_EQ(cost_of({0.8, 0.9, 0.95}, budgets, 0.8), 10);
  EXPECT_EQ(cost_of({0.8, 0.9, 0.95}, budgets, 0.9), 20);
  EXPECT_NEAR(cost_of({0.8, 0.9, 0.95}, budgets, 0.85), 10 * std::sqrt(2), 1e-9);  // half way, in logarithms
  EXPECT_TRUE(std::isinf(cost_of({0.8, 0.9, 0.95}, budgets, 0.96)));
}

TEST(CostOf, AHoleIsNoPlanAndADipIsNotBought) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(cost_of({none, 0.9, 0.95}, {10, 20, 40}, 0.85), 20);
  EXPECT_NEAR(cost_of({0.9, 0.8, 1.0}, {10, 20, 40}, 0.95), 20 * std::sqrt(2), 1e-9);
}

TEST(Ablation, EqualMethodsWinNothingAgainstEachOther) {
  const std::vector<TestedPlan> plans{plan(10, 0.8, 80), plan(20, 0.9, 90)};
  const Json json = to_json(compared({{method("joint", plans), method("random", plans)}}, {10, 20}));
  ASSERT_EQ(json["joint_against"].size(), 1u);
  const Json& against = json["joint_against"][0];
  EXPECT_EQ(against["method"], "random");
  for (const Json& row : against["at_cost"]) {
    EXPECT_EQ(row["points"], 0);
    EXPECT_EQ(row["interval"], Json({0.0, 0.0}));
  }
  for (const Json& row : against["at_accuracy"]) EXPECT_NEAR(row["ratio"].get<double>(), 1, 1e-12);
}

TEST(Ablation, PointsAreComparedWhereTheOtherMethodIsNearItsBest) {
  const Comparison all = compared({{method("joint", {plan(10, 0.7, 75), plan(20, 0.9, 93)}),
                                    method("random", {plan(10, 0.7, 70), plan(20, 0.9, 90)})}},
                                  {10, 20});
  const Json rows = to_json(all)["joint_against"][0]["at_cost"];
  ASSERT_EQ(rows.size(), 1u);  // 70 % is farther than 5 points below 90 %
  EXPECT_EQ(rows[0]["cost"], 20);
  EXPECT_NEAR(rows[0]["points"].get<double>(), 3, 1e-9);
  EXPECT_GE(rows[0]["interval"][0], 0);  // no image is answered worse
}

TEST(Ablation, FiguresTellWhereTheJointSearchGainsMost) {
  const Comparison all =
      compared({{method("joint", {plan(10, 0.7, 90), plan(20, 0.9, 92)}),
                 method("random", {plan(10, 0.7, 88), plan(20, 0.9, 91)}), method("unknown", {plan(10, 0.7, 88)})}},
               {10, 20});
  const auto figures = ablation_figures(all, to_json(all));
  EXPECT_NEAR(figures.at("joint.points_over_random").value, 2, 1e-9);
  EXPECT_EQ(figures.at("joint.points_over_random_at").value, 10);
  EXPECT_EQ(figures.at("joint.points_over_random").n, 1);
  EXPECT_GT(figures.at("joint.speedup_over_random").value, 1);
  EXPECT_EQ(figures.size(), 4u);  // of methods that have a figure
}

TEST(BudgetsOf, AreEndsOfLevelsFromTheCheapestToTheDearestPlan) {
  const threshold::CostLevels levels(1, 1000, 32);
  const std::vector<TestedSeed> seeds{{method("joint", {plan(10, 0.8, 80), plan(100, 0.9, 90)})}};
  const std::vector<double> budgets = budgets_of(seeds, cost::CostAxis::latency, levels);
  ASSERT_GT(budgets.size(), 2u);
  EXPECT_GE(budgets.front(), 10);
  EXPECT_GE(budgets.back(), 100);
  EXPECT_LT(budgets[budgets.size() - 2], 100);
}

}  // namespace
}  // namespace triage::workflow
