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
  const Json at = evaluate_set(make_plan(300), table, "synthetic", quick())["operating_point"];
  EXPECT_FALSE(at.contains("confusion"));
  EXPECT_EQ(at["mistakes"], Json::parse("[[299, 290, 2], [7, 290, 1]]"));
  EXPECT_EQ(at["per_class"][299]["count"], 2);
}

struct EvaluateSet : testing::Test {
  plan::Plan plan = make_plan();
  route::ScoreTable table = route::synthetic_table({.count = 3000, .seed = 8, .hopeless = 0.4});
};

TEST_F(EvaluateSet, NumbersAddUp) {
  const Json eval = evaluate_set(plan, table, "synthetic", quick());
  const Json& at = eval["operating_point"];
  const double share = at["exit_share"][1];
  EXPECT_NEAR(at["latency_us"].get<double>(), 100 + 600 * share, 1e-6);
  EXPECT_NEAR(at["exit_share"][0].get<double>() + share, 1, 1e-9);
  double right = 0, escalated = 0;
  std::size_t count = 0, trace = 0;
  for (std::size_t c = 0; c < kClasses; ++c) {
    const Json& one = at["per_class"][c];
    right += one["recall"].get<double>() * one["count"].get<double>();
    escalated += one["escalation"].get<double>() * one["count"].get<double>();
    for (std::size_t p = 0; p < kClasses; ++p) count += at["confusion"][c][p].get<std::size_t>();
    trace += at["confusion"][c][c].get<std::size_t>();
  }
  EXPECT_EQ(count, 3000u);
  EXPECT_NEAR(right / 3000, at["accuracy"].get<double>(), 1e-9);
  EXPECT_NEAR(static_cast<double>(trace) / 3000, at["accuracy"].get<double>(), 1e-9);
  EXPECT_NEAR(escalated / 3000, share, 1e-9);
  EXPECT_LT(at["interval"][0].get<double>(), at["accuracy"].get<double>());
  EXPECT_GT(at["interval"][1].get<double>(), at["accuracy"].get<double>());
  EXPECT_EQ(eval["split"], "test");
  const double shares[] = {at["exit_share"][0], share};
  EXPECT_NEAR(shares[0] * at["exit_accuracy"][0].get<double>() + shares[1] * at["exit_accuracy"][1].get<double>(),
              at["accuracy"].get<double>(), 1e-9);

  // The curve's ends are the static nets.
  const Json &confidence = eval["policies"]["confidence"], &curve = confidence["curve"];
  EXPECT_LE(curve.size(), 200u);
  EXPECT_NEAR(curve.front()["accuracy"].get<double>(), eval["static"][0]["accuracy"].get<double>(), 1e-9);
  EXPECT_NEAR(curve.back()["accuracy"].get<double>(), eval["static"][1]["accuracy"].get<double>(), 1e-9);
  EXPECT_EQ(eval["static"][1]["latency_us"], 600);  // alone, not behind the little one
  EXPECT_LE(confidence["apgr"]["interval"][0].get<double>(), confidence["apgr"]["value"].get<double>());
  EXPECT_GE(confidence["apgr"]["interval"][1].get<double>(), confidence["apgr"]["value"].get<double>());
  EXPECT_GT(confidence["apgr"]["value"].get<double>(), 0.6);
  EXPECT_NEAR(eval["policies"]["random"]["apgr"]["value"].get<double>(), 0.5, 0.08);
  EXPECT_NEAR(eval["policies"]["oracle"]["between_random_and_oracle"]["value"].get<double>(), 1, 1e-9);
  EXPECT_FALSE(eval["policies"].contains("learned"));
  EXPECT_THAT(eval["calibration"], testing::SizeIs(2));
}

TEST_F(EvaluateSet, ExamplesAreTheExtremes) {
  const Json eval = evaluate_set(plan, table, "synthetic", quick());
  const Json &easiest = eval["examples"]["easiest"], &hardest = eval["examples"]["hardest"];
  ASSERT_EQ(easiest.size(), 12u);
  ASSERT_EQ(hardest.size(), 12u);
  EXPECT_LE(easiest[0]["score"].get<double>(), easiest[11]["score"].get<double>());
  EXPECT_GE(hardest[0]["score"].get<double>(), hardest[11]["score"].get<double>());
  EXPECT_EQ(easiest[0]["exit"], 0);
  EXPECT_EQ(hardest[0]["exit"], 1);
  EXPECT_EQ(hardest[0]["label"], table.labels[hardest[0]["index"].get<std::size_t>()]);
}

TEST_F(EvaluateSet, LearnedRouterIsComparedAtEqualLatency) {
  const std::vector<double> path = route::path_latency_us(plan);
  route::RouterTrainingOptions training;
  training.steps = 96, training.repeats = 1, training.objectives = {{false, 0.5}};
  const route::ScoreTable route_split = route::synthetic_table({.count = 2000, .seed = 9, .hopeless = 0.4});
  plan.stages[0].feature_width = 12;
  plan.stages[0].exit.router = route::train_routers(route_split, std::vector<double>{1, 1}, path, training).routers[0];
  const Json eval = evaluate_set(plan, table, "synthetic", quick());
  const Json& difference = eval["apgr_differences"][0];
  EXPECT_EQ(difference["a"], "learned");
  EXPECT_EQ(difference["b"], "confidence");
  EXPECT_GT(difference["interval"][0].get<double>(), 0);  // the planted rule is found beyond doubt
  const Json& test = eval["paired_tests"][0];
  EXPECT_EQ(test["a"], "learned");
  EXPECT_NEAR(test["at_latency_us"].get<double>(), eval["operating_point"]["latency_us"].get<double>(), 1e-9);
  EXPECT_GT(test["difference_points"].get<double>(), 0);
  EXPECT_LT(test["mcnemar_p"].get<double>(), 0.05);
}

TEST_F(EvaluateSet, OneStageHasNothingToRoute) {
  plan.stages.resize(1);
  table.stages.resize(1);
  const Json eval = evaluate_set(plan, table, "synthetic", quick());
  EXPECT_TRUE(eval["policies"].empty());
  EXPECT_TRUE(eval["paired_tests"].empty());
  EXPECT_NEAR(eval["operating_point"]["accuracy"].get<double>(), eval["static"][0]["accuracy"].get<double>(), 1e-9);
}

TEST_F(EvaluateSet, ThreeStages) {
  plan.stages.insert(plan.stages.begin() + 1, plan.stages[0]);
  plan.stages[1].name = "deeper";
  plan.stages[1].input = plan::StageInput::features;
  plan.stages[1].source = 0;
  table.stages.insert(table.stages.begin() + 1, table.stages[0]);
  EvaluateOptions options = quick();
  options.comparison.bootstrap_rounds = 20;
  const Json eval = evaluate_set(plan, table, "synthetic", options);
  EXPECT_EQ(eval["static"][1]["latency_us"], 200);
  EXPECT_EQ(eval["operating_point"]["exit_share"].size(), 3u);
  for (const auto& [name, policy] : eval["policies"].items()) {
    EXPECT_EQ(policy["curve"][0]["thresholds"].size(), 2u) << name;
    EXPECT_LE(policy["curve"].size(), 200u) << name;
  }
}

TEST_F(EvaluateSet, FiguresAndTable) {
  Json results{{"plan",
                {{"name", "pair"},
                 {"policy", "confidence"},
                 {"stages", Json::array({1, 2})},
                 {"warnings", Json::array()},
                 {"costs_engine", nullptr}}},
               {"test", evaluate_set(plan, table, "fashion-mnist", quick())},
               {"shift", nullptr}};
  results["test"]["latency"] = to_json(RealRun{.images = 100,
                                               .measured_us = 200,
                                               .predicted_us = 190,
                                               .path_us = {1, 2},
                                               .alone_us = {1, 2},
                                               .stored_predicted_us = 210,
                                               .stored_path_us = {1, 2},
                                               .agreement = 1,
                                               .stable = true,
                                               .engine = "compiled"});
  const auto all = figures(results, true);
  EXPECT_NEAR(all.at("fashion.big_accuracy").value, 100 * results["test"]["static"][1]["accuracy"].get<double>(), 1e-9);
  EXPECT_TRUE(all.at("fashion.little_accuracy").interval.has_value());
  EXPECT_DOUBLE_EQ(all.at("eval.latency_error_percent").value, 5);
  EXPECT_TRUE(all.contains("routing.apgr_confidence"));
  EXPECT_FALSE(figures(results, false).contains("routing.apgr_confidence"));
  EXPECT_THAT(readable(results), testing::AllOf(testing::HasSubstr("little alone"), testing::HasSubstr("-5.0 %"),
                                                testing::HasSubstr("measured: this run (compiled)")));
}

// Nine of ten images are of class 0, which the little net alone recognises; class 9 has no image.
TEST_F(EvaluateSet, UnequalClassesAndNothingToTellFrom) {
  plan.stages[0].exit.threshold = 1;  // nobody goes on
  table = route::synthetic_table({.count = 1000, .seed = 8});
  for (std::size_t i = 0; i < table.count(); ++i) {
    table.labels[i] = static_cast<std::uint8_t>(i % 10 != 0 ? 0 : i / 10 % 9);
    for (std::size_t c = 0; c < kClasses; ++c) table.stages[0].logits[i * kClasses + c] = c == 0 ? 5.0f : 0.0f;
  }
  const Json eval = evaluate_set(plan, table, "synthetic", quick());
  const Json& at = eval["operating_point"];
  EXPECT_NEAR(at["accuracy"].get<double>(), 0.912, 1e-9);             // 900 and 12 of the others' 100
  EXPECT_NEAR(at["balanced_accuracy"].get<double>(), 1.0 / 9, 1e-9);  // of the nine classes with images
  EXPECT_NEAR(at["macro_f1"].get<double>(), 2 * 912.0 / 1912 / 9, 1e-9);
  EXPECT_LE(at["balanced_accuracy_interval"][0].get<double>(), 1.0 / 9);
  EXPECT_TRUE(at["top5_accuracy"].is_number());
  EXPECT_TRUE(at["exit_accuracy"][1].is_null());  // nobody leaves there
  EXPECT_EQ(at["exit_share"][1], 0);
  const Json& none = at["per_class"][9];
  for (const char* key : {"recall", "recall_interval", "precision", "f1", "escalation"})
    EXPECT_TRUE(none[key].is_null());
  EXPECT_EQ(at["per_class"][0]["recall"], 1);
  EXPECT_TRUE(at["per_class"][3]["precision"].is_null());  // never answered
  EXPECT_EQ(at["per_class"][3]["recall"], 0);
  EXPECT_THAT(eval["warnings"].dump(), testing::HasSubstr("all 1000 images leave at 'little'"));
  const Json results{{"plan",
                      {{"name", "p"},
                       {"policy", "confidence"},
                       {"stages", {1, 2}},
                       {"warnings", {"built so"}},
                       {"costs_engine", "onnxruntime 9"}}},
                     {"test", eval},
                     {"shift", nullptr}};
  const std::string text = readable(results);
  for (const char* words :
       {"without images here: class9", "worst classes: class1 0.0 % of", "built so", "(onnxruntime 9)"})
    EXPECT_THAT(text, testing::HasSubstr(words));
}

TEST_F(EvaluateSet, BalancedCurvesEndAtBalancedAccuracy) {
  for (std::size_t i = 0; i < table.count(); i += 3) table.labels[i] = 2;
  EvaluateOptions options = quick();
  options.comparison.metric = plan::Metric::balanced;
  const Json eval = evaluate_set(plan, table, "synthetic", options);
  EXPECT_EQ(eval["metric"], "balanced");
  const Json& curve = eval["policies"]["confidence"]["curve"];
  for (const auto& [end, stage] : {std::pair{curve.front(), 0}, {curve.back(), 1}}) {
    EXPECT_NEAR(end["accuracy"].get<double>(), eval["static"][stage]["balanced_accuracy"].get<double>(), 1e-6);
    EXPECT_GT(std::abs(end["accuracy"].get<double>() - eval["static"][stage]["accuracy"].get<double>()), 1e-3);
  }
}

TEST(ClassCounts, ByHand) {
  const std::vector<Label> labels{0, 0, 0, 1, 1, 2}, answers{0, 0, 1, 1, 0, 1};
  const ClassCounts counts = count_classes(labels, answers, 4);
  EXPECT_DOUBLE_EQ(counts.recall(0).value(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(counts.precision(0).value(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(counts.f1(1).value(), 2.0 / 5);
  EXPECT_EQ(counts.precision(2), std::nullopt);
  EXPECT_EQ(counts.recall(2), 0);
  EXPECT_EQ(counts.recall(3), std::nullopt);
  EXPECT_DOUBLE_EQ(counts.balanced_accuracy().value(), (2.0 / 3 + 0.5 + 0) / 3);
  EXPECT_DOUBLE_EQ(counts.macro_f1().value(), (2.0 / 3 + 0.4 + 0) / 3);
  EXPECT_EQ(count_classes({}, {}, 4).balanced_accuracy(), std::nullopt);
}

TEST(PairedTest, ByHand) {
  const std::vector<std::uint8_t> a{1, 1, 1, 1, 1, 0}, b{0, 0, 0, 0, 0, 0};
  const Json test = paired_test("a", a, "b", b, 7, {.bootstrap_rounds = 200});
  EXPECT_NEAR(test["difference_points"].get<double>(), 500.0 / 6, 1e-9);
  EXPECT_NEAR(test["mcnemar_p"].get<double>(), 2.0 / 32, 1e-9);  // five discordant pairs, all one way
}

}  // namespace
}  // namespace triage::evaluate
