#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evaluate/evaluate.h"
#include "evaluate/tiny_test.h"

namespace triage::evaluate {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// tiny_test.h's plan with a run for real; 100 and 700 µs by its costs, 400 in the mean.
struct SummaryTest : testing::Test {
  results::Results results;
  SummaryTest() {
    const plan::Plan plan = tiny_plan();
    results.plan = {.name = plan.name, .policy = "confidence", .classes = plan.classes, .costs_engine = "onnxruntime"};
    for (const plan::Stage& stage : plan.stages)
      results.plan.stages.push_back({.name = stage.name, .macs = stage.macs});
    results.test = evaluate_set(plan, tiny_table(), "fashion-mnist", {.comparison = {.bootstrap_rounds = 100}});
    results.test.latency = results::RealRun{.images = 300,
                                            .measured_us = 420,
                                            .predicted_us = 399,
                                            .alone_us = {110, 610},
                                            .agreement = 0.995,
                                            .stored_predicted_us = 441,
                                            .engine = "compiled"};
  }
};

TEST_F(SummaryTest, FiguresOfTheStagesAndTheRouting) {
  const auto all = figures(results, true);
  EXPECT_DOUBLE_EQ(all.at("fashion.little_accuracy").value, 50);
  EXPECT_NEAR(all.at("fashion.big_accuracy").value, 400.0 / 6, 1e-9);
  EXPECT_EQ(all.at("fashion.big_accuracy").n, 6);
  EXPECT_NEAR(all.at("fashion.little_accuracy").interval->low, 18.76, 0.01);  // percent, as the value
  EXPECT_DOUBLE_EQ(all.at("eval.latency_error_percent").value, 5);            // without its sign
  EXPECT_EQ(all.at("eval.latency_error_percent").n, 300);
  EXPECT_NEAR(all.at("routing.apgr_confidence").value, 3.5 / 6, 1e-9);
  const auto accuracies = figures(results, false);
  EXPECT_EQ(accuracies.size(), 2u);
}

TEST_F(SummaryTest, FiguresOfThePlan) {
  const auto of = plan_figures(results, "plan");
  EXPECT_DOUBLE_EQ(of.at("plan.accuracy").value, 50);
  EXPECT_DOUBLE_EQ(of.at("plan.mean_mmac").value, 10 + 0.5 * 50);          // half of the images go on
  EXPECT_DOUBLE_EQ(of.at("plan.speedup_over_static").value, 100.0 / 400);  // little alone is as accurate
  EXPECT_DOUBLE_EQ(of.at("plan.mean_latency_us").value, 420);
  EXPECT_DOUBLE_EQ(of.at("plan.latency_error_percent").value, 5);
}

TEST_F(SummaryTest, TheStaticNetHasToBeAsAccurate) {
  results.test.operating_point.accuracy = 0.6;
  EXPECT_DOUBLE_EQ(plan_figures(results, "p").at("p.speedup_over_static").value, 600.0 / 400);  // only big is
  results.test.operating_point.accuracy = 4.0 / 6 + 0.0019;  // 0.2 points are no difference
  EXPECT_TRUE(plan_figures(results, "p").contains("p.speedup_over_static"));
  results.test.operating_point.accuracy = 4.0 / 6 + 0.0021;
  EXPECT_FALSE(plan_figures(results, "p").contains("p.speedup_over_static"));
}

TEST_F(SummaryTest, WithoutARunThereAreNoMeasuredFigures) {
  results.test.latency.reset();
  EXPECT_FALSE(figures(results, true).contains("eval.latency_error_percent"));
  EXPECT_FALSE(plan_figures(results, "p").contains("p.mean_latency_us"));
  EXPECT_THAT(readable(results), AllOf(HasSubstr("measured: not in this run"), Not(HasSubstr("mean latency"))));
}

TEST_F(SummaryTest, ReadableHasTheSameFigures) {
  const std::string text = readable(results);
  for (const char* words :
       {"plan tiny (2 stages, policy confidence)", "test: fashion-mnist, 6 images", "little alone",
        "50.00 % [18.76, 81.24]", "110.0 µs", "measured: this run (compiled)",
        "measured 420.0 µs, predicted 399.0 µs (-5.0 %)", "441.0 µs (+5.0 %)", "99.50 % left as predicted",
        "plan - big", "-16.67 points", "worst classes: cat 0.0 % of 1, dog 0.0 % of 1"})
    EXPECT_THAT(text, HasSubstr(words));
  results.test.split = "validation";
  EXPECT_THAT(readable(results), HasSubstr("validation split, NOT the test split: fashion-mnist"));
}

TEST_F(SummaryTest, ReadableShowsTheShiftedSet) {
  results.shift = results.test;
  results.shift->dataset = "blurred";
  EXPECT_THAT(readable(results), HasSubstr("shifted: blurred, 6 images"));
}

}  // namespace
}  // namespace triage::evaluate
