#include "results/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/schema_test.h"
#include "core/test_support.h"
#include "results/comparison.h"
#include "results/example_test.h"

namespace triage::results {
namespace {

using testing::HasSubstr;

// Nothing is lost on the way through the file, not even the order of its fields.
TEST(Results, SurviveTheFile) {
  const TempDir work;
  const Results written = example_results();
  save_results(work / "results.json", written);
  const Results read = load_results(work / "results.json");
  EXPECT_EQ(to_json(read).dump(2), to_json(written).dump(2));
  EXPECT_EQ(read.test.latency->engine_note, "two threads were asked for");
  EXPECT_EQ(read.shift->operating_point.mistakes[0].images, 7u);
  EXPECT_EQ(read.plan.input, (plan::InputShape{3, 32, 32}));
}

TEST(Results, WhatDoesNotExistIsNull) {
  Results results = example_results();
  results.shift.reset();
  results.test.latency.reset();
  const Json json = to_json(results);
  EXPECT_TRUE(json["shift"].is_null());
  const Json& test = json["test"];
  EXPECT_TRUE(test["latency"].is_null());
  EXPECT_TRUE(test["policies"]["random"]["apgr"]["value"].is_null());
  EXPECT_TRUE(test["policies"]["confidence"]["calls_for"]["95"].is_null());
  EXPECT_TRUE(test["operating_point"]["exit_accuracy"][1].is_null());
  EXPECT_TRUE(test["operating_point"]["per_class"][1]["recall"].is_null());
  EXPECT_TRUE(test["calibration"][0]["before"]["bins"][0]["accuracy"].is_null());
  EXPECT_FALSE(test["operating_point"].contains("mistakes"));
  const Results read = results_from_json(json, "r");
  EXPECT_FALSE(read.shift.has_value());
  EXPECT_FALSE(read.test.latency.has_value());
}

TEST(Results, DerivedFiguresFollowFromTheOthers) {
  const Json json = to_json(example_results());
  const Json& latency = json["test"]["latency"];
  EXPECT_DOUBLE_EQ(latency["error_percent"].get<double>(), 100 * (132.0 - 128) / 128);
  EXPECT_DOUBLE_EQ(latency["stored_error_percent"].get<double>(), 100 * (130.0 - 128) / 128);
}

// The fields that version 1 had and no others.
TEST(Results, Version1IsRead) {
  Json json = to_json(example_results());
  json["version"] = 1;
  json.erase("shift");
  for (const char* key : {"costs_engine", "warnings", "input"}) json["plan"].erase(key);
  Json& test = json["test"];
  for (const char* key : {"split", "metric", "warnings", "sha256", "examples"}) test.erase(key);
  const auto erase_averages = [](Json& of) {
    for (const char* key : {"balanced_accuracy", "macro_f1", "top5_accuracy"}) {
      of.erase(key);
      of.erase(std::string(key) + "_interval");
    }
  };
  for (Json& net : test["static"]) erase_averages(net);
  erase_averages(test["operating_point"]);
  test["operating_point"].erase("exit_accuracy");
  test["operating_point"]["per_class"] = {{{"class", "cat"}, {"count", 100}, {"accuracy", 0.93}, {"escalation", 0.25}},
                                          {{"class", "dog"}, {"count", 0}, {"accuracy", 0.0}, {"escalation", 0.0}}};
  test["latency"] = {{"predicted_us", 132.0}, {"measured_us", 128.0}, {"error_percent", 3.125}, {"images", 4096}};
  const Results read = results_from_json(json, "r");
  EXPECT_EQ(read.test.split, "test");
  EXPECT_EQ(read.test.metric, plan::Metric::accuracy);
  EXPECT_EQ(read.plan.costs_engine, "");
  EXPECT_EQ(read.test.static_nets[0].balanced_accuracy, std::nullopt);
  EXPECT_EQ(read.test.static_nets[0].accuracy, 0.9);
  const std::vector<ClassFigures>& classes = read.test.operating_point.per_class;
  EXPECT_EQ(classes[0].recall, 0.93);
  EXPECT_DOUBLE_EQ(classes[0].recall_interval->low, proportion_interval(93, 100).low);
  EXPECT_EQ(classes[0].precision, std::nullopt);
  EXPECT_EQ(classes[1].recall, std::nullopt);  // zeros there stood for nothing
  EXPECT_EQ(read.test.latency->agreement, std::nullopt);
  EXPECT_TRUE(read.test.latency->stable);
  EXPECT_DOUBLE_EQ(read.test.latency->error_percent(), 3.125);
  EXPECT_EQ(to_json(read)["version"], kResultsVersion);  // written again it is of this version
}

std::string refusal(const std::function<void(Json&)>& change) {
  Json json = to_json(example_results());
  change(json);
  return error_of([&] { results_from_json(json, "results.json"); });
}

TEST(Results, ErrorsNameFieldExpectedAndFound) {
  EXPECT_EQ(refusal([](Json&) {}), "no error");
  EXPECT_EQ(refusal([](Json& j) { j["version"] = 3; }), "results.json: version: expected version 1 to 2, found 3");
  EXPECT_THAT(refusal([](Json& j) { j["test"]["static"][1]["accuracy"] = 93.1; }),
              HasSubstr("results.json: test.static[1].accuracy: expected a number from 0 to 1, found 93.1"));
  EXPECT_THAT(refusal([](Json& j) { j["shift"]["calibration"][0]["before"]["bins"][1].erase("high"); }),
              HasSubstr("results.json: shift.calibration[0].before.bins[1]: field 'high' is missing"));
  EXPECT_THAT(refusal([](Json& j) { j["test"]["policies"] = Json::array(); }), HasSubstr("test.policies"));
  EXPECT_THAT(refusal([](Json& j) { j["test"]["policies"]["random"]["curve"] = Json::array(); }),
              HasSubstr("test.policies.random: expected a curve with at least one point"));
  EXPECT_THAT(refusal([](Json& j) { j["test"]["metric"] = "f1"; }),
              HasSubstr("test.metric: expected accuracy or balanced, found 'f1'"));
  EXPECT_THAT(refusal([](Json& j) { j["test"]["operating_point"]["exit_share"] = {1.0}; }),
              HasSubstr("test.operating_point.exit_share: expected 2 shares, one for each stage"));
  EXPECT_THAT(refusal([](Json& j) { j["test"]["operating_point"]["interval"] = {0.1}; }),
              HasSubstr("test.operating_point.interval: expected [low, high]"));
  EXPECT_THAT(refusal([](Json& j) { j["shift"]["operating_point"]["mistakes"][0] = {1, 2}; }),
              HasSubstr("mistakes[0]: expected a class, the class answered and a number of images"));
  EXPECT_THAT(refusal([](Json& j) { j["test"]["operating_point"]["per_class"][0]["recall"] = nullptr; }),
              HasSubstr("per_class[0].recall: expected a share of the images"));
  EXPECT_THAT(refusal([](Json& j) { j["test"]["examples"]["hardest"][0]["exit"] = 7; }), HasSubstr("exits below 2"));
  EXPECT_THAT(refusal([](Json& j) { j["test"]["examples"]["easiest"][0]["predicted"] = 2; }),
              HasSubstr("labels below 2"));
  EXPECT_THAT(refusal([](Json& j) { j["test"]["latency"]["measured_us"] = -1; }), HasSubstr("latency.measured_us"));
  EXPECT_THAT(refusal([](Json& j) { j["plan"]["stages"] = Json::array(); }), HasSubstr("at least one stage"));
}

// The second of the two kinds of "per_class" is that of version 1, which needs other fields.
TEST(Results, TheSchemaAgrees) {
  Json json = to_json(example_results());
  json["test"]["operating_point"]["per_class"].push_back(
      {{"class", "dog"}, {"count", 5}, {"accuracy", 0.5}, {"escalation", 0.25}});
  expect_schema_agrees(TRIAGE_SCHEMAS "/results.schema.json", json,
                       [](const Json& changed) { results_from_json(changed, "results.json"); }, {"provenance", "shift"},
                       {"recall", "accuracy", "escalation", "confidence"});
}

TEST(Results, AChangedValueInTheFileIsNoticed) {
  const TempDir work;
  const fs::path file = work / "results.json";
  save_results(file, example_results());
  std::string text = read_file(file);
  text.replace(text.find("\"count\": 100"), 12, "\"count\": 101");
  write_file_atomic(file, text);
  EXPECT_THAT(error_of([&] { load_results(file); }), HasSubstr("checksum"));
}

TEST(Evaluation, LooksUpByName) {
  const Evaluation e = example_evaluation();
  EXPECT_EQ(e.find_policy("random")->curve.size(), 1u);
  EXPECT_EQ(e.find_policy("learned"), nullptr);
  EXPECT_EQ(e.find_static("big")->latency_us, 318.25);
  EXPECT_EQ(e.find_static("huge"), nullptr);
  EXPECT_EQ(e.measured_alone_us(1), 319);
  EXPECT_EQ(e.measured_alone_us(2), std::nullopt);
  EXPECT_DOUBLE_EQ(e.escalation(), 0.25);
}

TEST(Evaluation, AccuracyBetweenTheCurvesPoints) {
  const Policy policy = *example_evaluation().find_policy("confidence");  // 0.9 at 52.5, 0.93 at 130, 0.94 at 370.75 µs
  EXPECT_EQ(policy.accuracy_at(10), 0.9);
  EXPECT_EQ(policy.accuracy_at(130), 0.93);
  EXPECT_NEAR(policy.accuracy_at((52.5 + 130) / 2), 0.915, 1e-12);
  EXPECT_EQ(policy.accuracy_at(1e6), 0.94);
}

TEST(Evaluation, TheCurvesMetricChoosesTheAverage) {
  Evaluation e = example_evaluation();
  EXPECT_EQ(e.on_curve(e.static_nets[0]).value, 0.88);
  EXPECT_EQ(e.on_curve(e.static_nets[0]).interval.low, 0.87);
  e.static_nets[0].balanced_accuracy_interval.reset();  // of a file of before
  EXPECT_EQ(e.on_curve(e.static_nets[0]).value, 0.9);
  e.metric = plan::Metric::accuracy;
  EXPECT_EQ(e.on_curve(e.static_nets[1]).value, 0.94);
}

TEST(PlanComparison, HasNullsWhereThereWasNoRun) {
  PlanComparison comparison;
  comparison.plans[0] = {example_accuracies(0.9), "a", {{example_accuracies(0.9), "little", plan::Precision::int8}}};
  comparison.plans[1] = {example_accuracies(0.91), "b"};
  comparison.count = 100;
  Json json = to_json(comparison);
  EXPECT_TRUE(json["speedup"].is_null());
  EXPECT_TRUE(json["plans"][0]["mean_us"].is_null());
  EXPECT_FALSE(json.contains("images"));
  EXPECT_EQ(json["plans"][0]["stages"][0]["precision"], "int8");
  EXPECT_EQ(json["plans"][1]["accuracy"], 0.91);
  comparison.plans[0].run = ComparedRun{.mean_us = 100, .engine = "compiled", .agreement = 1};
  comparison.speedup = 2;
  comparison.run_images = 64;
  json = to_json(comparison);
  EXPECT_EQ(json["plans"][0]["engine"], "compiled");
  EXPECT_EQ(json["images"], 64);
}

}  // namespace
}  // namespace triage::results
