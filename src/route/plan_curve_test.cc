#include "route/plan_curve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "plan/plan.h"
#include "route/policy_scores.h"
#include "route/synthetic_test.h"
#include "runtime/control/curve_file.h"

namespace triage::route {
namespace {

plan::Plan two_stages() {
  plan::Plan plan{.name = "made up", .input = {3, 8, 8}, .policy = plan::PolicyKind::confidence};
  for (int c = 0; c < 10; ++c) plan.classes.push_back(std::to_string(c));
  for (const auto& [name, us] : {std::pair("little", 100.0), std::pair("big", 400.0)}) {
    plan::Stage stage{.name = name, .onnx = std::string(name) + ".onnx", .sha256 = std::string(64, 'a')};
    stage.cost = plan::MeasuredCost{.latency_us = {.count = 1, .mean = us}};
    plan.stages.push_back(stage);
  }
  plan.stages[0].exit.threshold = 0.3;
  return plan;
}

// Each number of a point against a loop over the images.
void expect_as_a_loop_says(const OperatingPoint& point, const plan::Plan& plan, const ScoreTable& table) {
  const ExitAnswers answers = exit_answers(plan, plan.policy, table);
  std::size_t left = 0, right = 0, agreed = 0;
  for (std::size_t i = 0; i < table.count(); ++i) {
    const std::size_t exit = static_cast<double>(answers.scores[0][i]) > point.thresholds[0] ? 1 : 0;
    const Label label = answers.verdicts.label[exit][i];
    right += label == table.labels[i];
    if (exit == 1) continue;
    ++left;
    agreed += label == answers.verdicts.label[1][i];
  }
  const auto n = static_cast<double>(table.count());
  EXPECT_DOUBLE_EQ(point.accuracy, static_cast<double>(right) / n);
  EXPECT_DOUBLE_EQ(point.exit_share[0], static_cast<double>(left) / n);
  EXPECT_NEAR(point.mean_latency_us, 100 + 400 * (1 - static_cast<double>(left) / n), 1e-9);
  EXPECT_DOUBLE_EQ(point.agreement[0], left == 0 ? 1 : static_cast<double>(agreed) / static_cast<double>(left));
}

TEST(PlanCurve, PointsAreWhatALoopOverTheImagesSays) {
  const plan::Plan plan = two_stages();
  const ScoreTable table = synthetic_table({.count = 1500});
  const PlanCurve curve = plan_curve(plan, table);
  ASSERT_GT(curve.points.size(), 20u);
  EXPECT_LE(curve.points.size(), 48u);
  for (const OperatingPoint& point : curve.points) expect_as_a_loop_says(point, plan, table);
  for (std::size_t i = 1; i < curve.points.size(); ++i) {
    EXPECT_GT(curve.points[i].mean_latency_us, curve.points[i - 1].mean_latency_us);
    EXPECT_GT(curve.points[i].accuracy, curve.points[i - 1].accuracy);
  }
  EXPECT_THAT(curve.plan.thresholds, testing::ElementsAre(0.3));
  expect_as_a_loop_says(curve.plan, plan, table);
  EXPECT_THAT(curve.path_us, testing::ElementsAre(100, 500));
}

TEST(PlanCurve, KnotsAreTheDistributionOfAllScores) {
  const plan::Plan plan = two_stages();
  const ScoreTable table = synthetic_table({.count = 1000});
  const PlanCurve curve = plan_curve(plan, table, {.knots = 50});
  const ExitAnswers answers = exit_answers(plan, plan.policy, table);
  ASSERT_EQ(curve.scores.size(), 1u);
  ASSERT_EQ(curve.scores[0].size(), 50u);
  EXPECT_DOUBLE_EQ(curve.scores[0].back().share, 1);
  for (const ScoreKnot& knot : curve.scores[0]) {
    const auto below = std::ranges::count_if(answers.scores[0], [&](float score) { return score <= knot.score; });
    EXPECT_DOUBLE_EQ(knot.share, static_cast<double>(below) / 1000);
  }
}

TEST(PlanCurve, TravelsWithItsPlanAndNoOther) {
  const TempDir dir;
  plan::Plan plan = two_stages();
  plan::save_plan(dir.path(), plan);
  const auto none = load_curve(dir.path().string());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_THAT(none.error().message, testing::HasSubstr("triage curve"));

  const PlanCurve curve = plan_curve(plan, synthetic_table({.count = 400}));
  runtime::save_curve(dir.path() / runtime::kCurveFile, curve, plan, {{"name", "synthetic"}});
  const auto read = load_curve(dir.path().string());
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->points.size(), curve.points.size());
  EXPECT_EQ(read->points.back().thresholds, curve.points.back().thresholds);
  EXPECT_EQ(read->plan.agreement, curve.plan.agreement);
  EXPECT_EQ(read->scores[0].size(), curve.scores[0].size());

  plan.stages[0].exit.threshold = 0.7;  // another point of the same curve
  plan::save_plan(dir.path(), plan);
  EXPECT_TRUE(load_curve(dir.path().string()));
  plan.stages[0].exit.temperature = 2;  // other scores
  plan::save_plan(dir.path(), plan);
  const auto other = load_curve(dir.path().string());
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::damaged);
  EXPECT_THAT(other.error().message, testing::HasSubstr("made up"));
}

TEST(PlanCurve, OneStageIsOnePoint) {
  plan::Plan plan = two_stages();
  plan.stages.erase(plan.stages.begin());
  ScoreTable table = synthetic_table({.count = 200});
  table.stages.erase(table.stages.begin());
  const PlanCurve curve = plan_curve(plan, table);
  ASSERT_EQ(curve.points.size(), 1u);
  EXPECT_THAT(curve.points[0].exit_share, testing::ElementsAre(1));
  EXPECT_DOUBLE_EQ(curve.points[0].mean_latency_us, 400);
}

TEST(PlanCurve, NoImages) {
  ScoreTable table = synthetic_table({.count = 10});
  table = select(table, {});
  EXPECT_THROW(plan_curve(two_stages(), table), Error);
}

}  // namespace
}  // namespace triage::route
