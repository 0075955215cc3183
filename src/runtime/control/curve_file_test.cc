#include "runtime/control/curve_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/schema_test.h"
#include "core/test_support.h"
#include "runtime/control/control_test_support.h"
#include "runtime/executor_test_support.h"

namespace triage::runtime {
namespace {

using testing::HasSubstr;

plan::Plan pair_plan() {
  const std::vector<testing_executor::StageSetup> stages(2);
  return testing_executor::make_plan(stages);
}

Json example() { return to_json(made_up_curve(), pair_plan(), {{"git", "0"}}); }

TEST(CurveFile, TheSchemaAgrees) {
  expect_schema_agrees(TRIAGE_SCHEMAS "/curve.schema.json", example(),
                       [](const Json& json) { curve_from_json(json, pair_plan(), "curve.json"); }, {"provenance"});
}

TEST(CurveFile, ComesBackAsItWas) {
  const Json json = example();
  const PlanCurve back = curve_from_json(json, pair_plan(), "curve.json");
  EXPECT_EQ(to_json(back, pair_plan(), json.at("provenance")), json);
}

// `triage compile` and `profile` leave a plan's curve in force; other networks, policies and temperatures do not.
TEST(CurveFile, KernelsCostsAndThresholdsMakeNoOtherPlan) {
  const std::string identity = curve_identity(pair_plan());
  plan::Plan plan = pair_plan();
  plan.name = "other";
  plan.stages[0].set_artifact({.engine = {}, .file = "kernels.so", .sha256 = std::string(64, 'b')});
  plan.stages[1].cost = plan::MeasuredCost{.latency_us = {.count = 1, .mean = 7}};
  plan.stages[0].exit.threshold = 0.123;
  EXPECT_EQ(curve_identity(plan), identity);
  plan.stages[0].sha256 = std::string(64, 'c');
  EXPECT_NE(curve_identity(plan), identity);
  plan = pair_plan();
  plan.stages[0].exit.temperature = 2;
  EXPECT_NE(curve_identity(plan), identity);
}

TEST(CurveFile, ErrorsNameThePlace) {
  const auto error_after = [](const std::function<void(Json&)>& change) {
    Json json = example();
    change(json);
    return error_of([&] { curve_from_json(json, pair_plan(), "curve.json"); });
  };
  EXPECT_THAT(error_after([](Json& json) { json["points"][3]["accuracy"] = 0.5; }),
              HasSubstr("curve.json: points[3]: expected a point that is dearer and more accurate"));
  EXPECT_THAT(error_after([](Json& json) { json["points"][0]["exit_share"] = {0.5, 0.2}; }),
              HasSubstr("curve.json: points[0]: expected shares that add up to 1, found 0.7"));
  EXPECT_THAT(error_after([](Json& json) { json["points"][0]["thresholds"] = Json::array(); }),
              HasSubstr("points[0].thresholds: expected a list of 1"));
  EXPECT_THAT(error_after([](Json& json) { json["path_us"] = {300, 200}; }), HasSubstr("path_us[1]"));
  EXPECT_THAT(error_after([](Json& json) { json["scores"][0][7] = {0.0, 0.5}; }), HasSubstr("scores[0][7]"));
  EXPECT_THAT(error_after([](Json& json) { json["scores"] = Json::array(); }),
              HasSubstr("scores: expected a list of 1"));
  EXPECT_THAT(error_after([](Json& json) { json["plan"] = std::string(64, '0'); }), HasSubstr("'triage curve'"));
}

}  // namespace
}  // namespace triage::runtime
