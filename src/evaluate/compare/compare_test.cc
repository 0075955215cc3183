#include "evaluate/compare/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triage::evaluate {
namespace {

results::PairedTest paired(double points) {
  return {.a = "int8",
          .b = "fp32",
          .difference_points = points,
          .interval = {points - 0.2, points + 0.3},
          .mcnemar_p = 0.5};
}

results::Accuracies of_accuracy(double accuracy) {
  return {.accuracy = accuracy, .interval = {accuracy - 0.01, accuracy + 0.01}, .balanced_accuracy = 0.77};
}

results::ComparedPlan compared(const char* name, plan::Precision precision, double accuracy, double us) {
  return {of_accuracy(accuracy),
          name,
          {{of_accuracy(0.88), "little", precision}},
          results::ComparedRun{.mean_us = us, .engine = "onnxruntime", .agreement = 0.9998}};
}

results::PlanComparison two_plans() {
  return {.plans = {compared("quick", plan::Precision::int8, 0.91, 100),
                    compared("exact", plan::Precision::fp32, 0.92, 250)},
          .points = paired(-1),
          .stages = {paired(-0.5), paired(-0.1)},
          .speedup = 2.5,
          .run_images = 4096,
          .count = 10000};
}

TEST(ComparisonFigures, LossesAreOfTheFirstAndTheLastStage) {
  const auto figures = comparison_figures(two_plans(), "int8");
  EXPECT_DOUBLE_EQ(figures.at("int8.little_loss_points").value, 0.5);
  EXPECT_DOUBLE_EQ(figures.at("int8.big_loss_points").value, 0.1);
  EXPECT_DOUBLE_EQ(figures.at("int8.big_loss_points").interval->low, -0.2);  // the interval turns round as well
  EXPECT_DOUBLE_EQ(figures.at("int8.big_loss_points").interval->high, 0.3);
  EXPECT_DOUBLE_EQ(figures.at("int8.plan_speedup").value, 2.5);
  EXPECT_DOUBLE_EQ(figures.at("int8.plan_points").value, -1);
  EXPECT_DOUBLE_EQ(figures.at("int8.accuracy").value, 91);
  EXPECT_DOUBLE_EQ(figures.at("int8.other_accuracy").value, 92);
}

TEST(ComparisonFigures, PlansOfOtherShapesHaveNoLosses) {
  results::PlanComparison comparison = two_plans();
  comparison.stages.clear();
  comparison.speedup.reset();
  const auto figures = comparison_figures(comparison, "a");
  EXPECT_FALSE(figures.contains("a.big_loss_points"));
  EXPECT_FALSE(figures.contains("a.plan_speedup"));
  EXPECT_FALSE(figures.contains("a.mean_latency_us"));
  comparison.stages = {paired(0.25)};
  EXPECT_FALSE(comparison_figures(comparison, "a").contains("a.little_loss_points"));
  EXPECT_DOUBLE_EQ(comparison_figures(comparison, "a").at("a.big_loss_points").value, -0.25);
}

TEST(ReadableComparison, ShowsBothPlans) {
  EXPECT_THAT(readable_comparison(two_plans()),
              testing::AllOf(testing::HasSubstr("91.00 %"), testing::HasSubstr("balanced  77.00 %  macro F1 -"),
                             testing::HasSubstr("250.0 us  onnxruntime, 99.98 % as scored"),
                             testing::HasSubstr("first - second"), testing::HasSubstr("2.500")));
  EXPECT_THAT(readable_comparison(two_plans()), testing::Not(testing::HasSubstr("warning")));
}

TEST(ReadableComparison, SaysWhereTheMachineWasDisturbed) {
  results::PlanComparison comparison = two_plans();
  comparison.plans[1].run->stable = false;
  EXPECT_THAT(readable_comparison(comparison), testing::HasSubstr(std::string("warning: ") + kDisturbed));
}

TEST(ReadableComparison, WithoutRuns) {
  results::PlanComparison comparison = two_plans();
  for (results::ComparedPlan& plan : comparison.plans) plan.run.reset();
  comparison.speedup.reset();
  const std::string text = readable_comparison(comparison);
  EXPECT_THAT(text, testing::Not(testing::HasSubstr(" us ")));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("latency")));
}

}  // namespace
}  // namespace triage::evaluate
