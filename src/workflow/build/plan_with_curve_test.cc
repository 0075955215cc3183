#include "workflow/build/plan_with_curve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "route/synthetic_test.h"
#include "triage/curve.h"

namespace triage::workflow {
namespace {

plan::Plan two_stages(char hash) {
  plan::Plan plan{.name = "made up", .input = {3, 8, 8}, .policy = plan::PolicyKind::confidence};
  for (int c = 0; c < 10; ++c) plan.classes.push_back(std::to_string(c));
  for (const auto& [name, us] : {std::pair("little", 100.0), std::pair("big", 400.0)}) {
    plan::Stage stage{.name = name, .onnx = std::string(name) + ".onnx", .sha256 = std::string(64, hash)};
    stage.cost = plan::MeasuredCost{.latency_us = {.count = 1, .mean = us}};
    plan.stages.push_back(stage);
  }
  plan.stages[0].exit.threshold = 0.3;
  return plan;
}

// A plan made of another one, where a curve of that one lies: its own takes the place.
TEST(PlanWithCurve, AStaleCurveIsReplaced) {
  const TempDir directory;
  const Json data{{"name", "none"}};
  const route::ScoreTable table = route::synthetic_table({.count = 400}), other = route::select(table, {{0, 1, 2, 3}});
  save_plan_with_curve(directory.path(), two_stages('a'), table, plan::Metric::accuracy, data);
  ASSERT_TRUE(load_curve(directory.path().string()));
  const plan::Plan made = two_stages('b');
  plan::save_plan(directory.path(), made);  // what a command must not do alone
  const auto stale = load_curve(directory.path().string());
  ASSERT_FALSE(stale);
  EXPECT_THAT(stale.error().message, testing::HasSubstr("'triage curve' makes it anew"));
  save_plan_with_curve(directory.path(), made, other, plan::Metric::balanced, data);
  const auto curve = load_curve(directory.path().string());
  ASSERT_TRUE(curve) << curve.error().message;
  EXPECT_EQ(curve->images, 4u);
  EXPECT_EQ(curve->metric, "balanced");
  EXPECT_THAT(curve->path_us, testing::ElementsAre(100, 500));
  EXPECT_THAT(curve->plan.thresholds, testing::ElementsAre(0.3));
}

}  // namespace
}  // namespace triage::workflow
