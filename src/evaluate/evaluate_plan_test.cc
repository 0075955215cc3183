#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evaluate/class_metrics.h"
#include "evaluate/evaluate.h"
#include "route/router/router_training.h"
#include "route/synthetic_test.h"

namespace triage::evaluate {
namespace {

constexpr std::size_t kClasses = 10;

plan::Plan make_plan(std::size_t classes = kClasses) {
  plan::Plan plan;
  plan.name = "pair";
  plan.policy = plan::PolicyKind::confidence;
  for (std::size_t c = 0; c < classes; ++c) plan.classes.push_back("class" + std::to_string(c));
  plan.stages.resize(2);
  for (std::size_t s = 0; s < 2; ++s) {
    plan::Stage& stage = plan.stages[s];
    stage.name = s == 0 ? "little" : "big";
    stage.arch = plan::ArchSpec::parse("8");
    stage.cost.emplace().latency_us = Summary{.count = 100, .mean = s == 0 ? 100.0 : 600.0};
  }
  plan.stages[0].exit.threshold = 0.3;
  return plan;
}

EvaluateOptions quick() {
  EvaluateOptions options;
  options.comparison.bootstrap_rounds = 200;
  return options;
}

TEST(Evaluate, OfManyClassesOnlyTheMostFrequentMistakesAreKept) {
  route::ScoreTable table = route::synthetic_table({.count = 3, .classes = 300});
  table.labels = {299, 299, 7};
  for (route::StageScores& stage : table.stages) {
    std::ranges::fill(stage.logits, 0.0f);
    for (std::size_t i = 0; i < 3; ++i) stage.logits[i * 300 + 290] = 9;  // the answer to every image
  }
  const auto at = evaluate_set(make_plan(300), table, "synthetic", quick()).operating_point;
  EXPECT_TRUE(at.confusion.empty());
  ASSERT_EQ(at.mistakes.size(), 2u);
  EXPECT_EQ(at.mistakes[0].label, 299u);
  EXPECT_EQ(at.mistakes[0].answer, 290u);
  EXPECT_EQ(at.mistakes[0].images, 2u);
  EXPECT_EQ(at.mistakes[1].label, 7u);
  EXPECT_EQ(at.per_class[299].count, 2u);
}

struct EvaluateSet : testing::Test {
  plan::Plan plan = make_plan();
  route::ScoreTable table = route::synthetic_table({.count = 3000, .seed = 8, .hopeless = 0.4});
};

TEST_F(EvaluateSet, NumbersAddUp) {
  const results::Evaluation eval = evaluate_set(plan, table, "synthetic", quick());
  const results::OperatingPoint& at = eval.operating_point;
  const double share = at.exit_share[1];
  EXPECT_NEAR(at.latency_us, 100 + 600 * share, 1e-6);
  EXPECT_NEAR(at.exit_share[0] + share, 1, 1e-9);
  double right = 0, escalated = 0;
  std::size_t count = 0, trace = 0;
  for (std::size_t c = 0; c < kClasses; ++c) {
    const results::ClassFigures& one = at.per_class[c];
    right += one.recall.value() * static_cast<double>(one.count);
    escalated += one.escalation.value() * static_cast<double>(one.count);
    for (std::size_t p = 0; p < kClasses; ++p) count += at.confusion[c][p];
    trace += at.confusion[c][c];
  }
  EXPECT_EQ(count, 3000u);
  EXPECT_NEAR(right / 3000, at.accuracy, 1e-9);
  EXPECT_NEAR(static_cast<double>(trace) / 3000, at.accuracy, 1e-9);
  EXPECT_NEAR(escalated / 3000, share, 1e-9);
  EXPECT_LT(at.interval.low, at.accuracy);
  EXPECT_GT(at.interval.high, at.accuracy);
  EXPECT_EQ(eval.split, "test");
  EXPECT_NEAR(at.exit_share[0] * at.exit_accuracy[0].value() + share * at.exit_accuracy[1].value(), at.accuracy, 1e-9);

  // The curve's ends are the static nets.
  const results::Policy& confidence = *eval.find_policy("confidence");
  const std::vector<results::CurvePoint>& curve = confidence.curve;
  EXPECT_LE(curve.size(), 200u);
  EXPECT_NEAR(curve.front().accuracy, eval.static_nets[0].accuracy, 1e-9);
  EXPECT_NEAR(curve.back().accuracy, eval.static_nets[1].accuracy, 1e-9);
  EXPECT_EQ(eval.static_nets[1].latency_us, 600);  // alone, not behind the little one
  EXPECT_LE(confidence.apgr.interval->low, confidence.apgr.value.value());
  EXPECT_GE(confidence.apgr.interval->high, confidence.apgr.value.value());
  EXPECT_GT(confidence.apgr.value.value(), 0.6);
  EXPECT_NEAR(eval.find_policy("random")->apgr.value.value(), 0.5, 0.08);
  EXPECT_NEAR(eval.find_policy("oracle")->between_random_and_oracle.value.value(), 1, 1e-9);
  EXPECT_EQ(eval.find_policy("learned"), nullptr);
  EXPECT_THAT(eval.calibration, testing::SizeIs(2));
}

TEST_F(EvaluateSet, ExamplesAreTheExtremes) {
  const results::Evaluation eval = evaluate_set(plan, table, "synthetic", quick());
  const std::vector<results::Example>&easiest = eval.easiest, &hardest = eval.hardest;
  ASSERT_EQ(easiest.size(), 12u);
  ASSERT_EQ(hardest.size(), 12u);
  EXPECT_LE(easiest[0].score, easiest[11].score);
  EXPECT_GE(hardest[0].score, hardest[11].score);
  EXPECT_EQ(easiest[0].exit, 0);
  EXPECT_EQ(hardest[0].exit, 1);
  EXPECT_EQ(hardest[0].label, table.labels[hardest[0].index]);
}

TEST_F(EvaluateSet, LearnedRouterIsComparedAtEqualLatency) {
  const std::vector<double> path = route::path_latency_us(plan);
  route::RouterTrainingOptions training;
  training.steps = 96, training.repeats = 1, training.objectives = {{false, 0.5}};
  const route::ScoreTable route_split = route::synthetic_table({.count = 2000, .seed = 9, .hopeless = 0.4});
  plan.stages[0].feature_width = 12;
  plan.stages[0].exit.router = route::train_routers(route_split, std::vector<plan::Exit>(2), path, training).routers[0];
  const results::Evaluation eval = evaluate_set(plan, table, "synthetic", quick());
  const results::ApgrDifference& difference = eval.apgr_differences[0];
  EXPECT_EQ(difference.a, "learned");
  EXPECT_EQ(difference.b, "confidence");
  EXPECT_GT(difference.apgr.interval->low, 0);  // the planted rule is found beyond doubt
  const results::PairedTest& test = eval.paired_tests[0];
  EXPECT_EQ(test.a, "learned");
  EXPECT_NEAR(test.at_latency_us, eval.operating_point.latency_us, 1e-9);
  EXPECT_GT(test.difference_points, 0);
  EXPECT_LT(test.mcnemar_p, 0.05);
}

TEST_F(EvaluateSet, OneStageHasNothingToRoute) {
  plan.stages.resize(1);
  table.stages.resize(1);
  const results::Evaluation eval = evaluate_set(plan, table, "synthetic", quick());
  EXPECT_TRUE(eval.policies.empty());
  EXPECT_TRUE(eval.paired_tests.empty());
  EXPECT_NEAR(eval.operating_point.accuracy, eval.static_nets[0].accuracy, 1e-9);
}

TEST_F(EvaluateSet, ThreeStages) {
  plan.stages.insert(plan.stages.begin() + 1, plan.stages[0]);
  plan.stages[1].name = "deeper";
  plan.stages[1].input = plan::StageInput::features;
  plan.stages[1].source = 0;
  table.stages.insert(table.stages.begin() + 1, table.stages[0]);
  EvaluateOptions options = quick();
  options.comparison.bootstrap_rounds = 20;
  const results::Evaluation eval = evaluate_set(plan, table, "synthetic", options);
  EXPECT_EQ(eval.static_nets[1].latency_us, 200);
  EXPECT_EQ(eval.operating_point.exit_share.size(), 3u);
  for (const results::Policy& policy : eval.policies) {
    EXPECT_EQ(policy.curve[0].thresholds.size(), 2u) << policy.name;
    EXPECT_LE(policy.curve.size(), 200u) << policy.name;
  }
}

// Nine of ten images are of class 0, which the little net alone recognises; class 9 has no image.
TEST_F(EvaluateSet, UnequalClassesAndNothingToTellFrom) {
  plan.stages[0].exit.threshold = 1;  // nobody goes on
  table = route::synthetic_table({.count = 1000, .seed = 8});
  for (std::size_t i = 0; i < table.count(); ++i) {
    table.labels[i] = static_cast<std::uint8_t>(i % 10 != 0 ? 0 : i / 10 % 9);
    for (std::size_t c = 0; c < kClasses; ++c) table.stages[0].logits[i * kClasses + c] = c == 0 ? 5.0f : 0.0f;
  }
  const results::Evaluation eval = evaluate_set(plan, table, "synthetic", quick());
  const results::OperatingPoint& at = eval.operating_point;
  EXPECT_NEAR(at.accuracy, 0.912, 1e-9);                     // 900 and 12 of the others' 100
  EXPECT_NEAR(at.balanced_accuracy.value(), 1.0 / 9, 1e-9);  // of the nine classes with images
  EXPECT_NEAR(at.macro_f1.value(), 2 * 912.0 / 1912 / 9, 1e-9);
  EXPECT_LE(at.balanced_accuracy_interval->low, 1.0 / 9);
  EXPECT_TRUE(at.top5_accuracy.has_value());
  EXPECT_TRUE(at.exit_accuracy[1] == std::nullopt);  // nobody leaves there
  EXPECT_EQ(at.exit_share[1], 0);
  const results::ClassFigures& none = at.per_class[9];
  for (const auto& figure : {none.recall, none.precision, none.f1, none.escalation}) EXPECT_EQ(figure, std::nullopt);
  EXPECT_FALSE(none.recall_interval.has_value());
  EXPECT_EQ(at.per_class[0].recall, 1);
  EXPECT_EQ(at.per_class[3].precision, std::nullopt);  // never answered
  EXPECT_EQ(at.per_class[3].recall, 0);
  EXPECT_THAT(eval.warnings, testing::Contains(testing::HasSubstr("all 1000 images leave at 'little'")));
  const results::Results results{.plan = {.name = "p",
                                          .policy = "confidence",
                                          .costs_engine = "onnxruntime 9",
                                          .warnings = {"built so"},
                                          .stages = std::vector<results::StageFigures>(2)},
                                 .test = eval};
  const std::string text = readable(results);
  for (const char* words :
       {"without images here: class9", "worst classes: class1 0.0 % of", "built so", "(onnxruntime 9)"})
    EXPECT_THAT(text, testing::HasSubstr(words));
}

TEST_F(EvaluateSet, BalancedCurvesEndAtBalancedAccuracy) {
  for (std::size_t i = 0; i < table.count(); i += 3) table.labels[i] = 2;
  EvaluateOptions options = quick();
  options.comparison.metric = plan::Metric::balanced;
  const results::Evaluation eval = evaluate_set(plan, table, "synthetic", options);
  EXPECT_EQ(eval.metric, plan::Metric::balanced);
  const std::vector<results::CurvePoint>& curve = eval.find_policy("confidence")->curve;
  for (const auto& [end, stage] : {std::pair{curve.front(), 0}, {curve.back(), 1}}) {
    EXPECT_NEAR(end.accuracy, eval.static_nets[stage].balanced_accuracy.value(), 1e-6);
    EXPECT_GT(std::abs(end.accuracy - eval.static_nets[stage].accuracy), 1e-3);
  }
}

}  // namespace
}  // namespace triage::evaluate
