#include "evaluate/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triage::evaluate {
namespace {

Json paired(double points) {
  return {{"a", "int8"},
          {"b", "fp32"},
          {"difference_points", points},
          {"interval", {points - 0.2, points + 0.3}},
          {"mcnemar_p", 0.5}};
}

Json two_plans() {
  const auto plan = [](const char* name, double accuracy, double us) {
    return Json{{"name", name},
                {"accuracy", accuracy},
                {"interval", {accuracy - 0.01, accuracy + 0.01}},
                {"balanced_accuracy", 0.77},
                {"macro_f1", nullptr},
                {"mean_us", us},
                {"engine", "onnxruntime"},
                {"agreement", 0.9998},
                {"stages", {{{"stage", "little"}, {"precision", name}, {"accuracy", 0.88}}}}};
  };
  return {{"plans", {plan("int8", 0.91, 100), plan("fp32", 0.92, 250)}},
          {"points", paired(-1)},
          {"stages", {paired(-0.5), paired(-0.1)}},
          {"speedup", 2.5},
          {"images", 4096},
          {"count", 10000}};
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
  Json json = two_plans();
  json["stages"] = Json::array();
  json["speedup"] = nullptr;
  const auto figures = comparison_figures(json, "a");
  EXPECT_FALSE(figures.contains("a.big_loss_points"));
  EXPECT_FALSE(figures.contains("a.plan_speedup"));
  json["stages"] = {paired(0.25)};
  EXPECT_FALSE(comparison_figures(json, "a").contains("a.little_loss_points"));
  EXPECT_DOUBLE_EQ(comparison_figures(json, "a").at("a.big_loss_points").value, -0.25);
}

TEST(ReadableComparison, ShowsBothPlans) {
  EXPECT_THAT(readable_comparison(two_plans()),
              testing::AllOf(testing::HasSubstr("91.00 %"), testing::HasSubstr("balanced  77.00 %  macro F1 -"),
                             testing::HasSubstr("250.0 us  onnxruntime, 99.98 % as scored"),
                             testing::HasSubstr("first - second"), testing::HasSubstr("2.500")));
}

}  // namespace
}  // namespace triage::evaluate
