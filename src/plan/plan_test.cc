#include "plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/schema_test.h"
#include "core/test_support.h"

namespace triage::plan {
namespace {

using testing::HasSubstr;

Router small_router() {  // 2 features, 2 hidden units
  return {.feature_width = 2,
          .hidden = 2,
          .mean = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f},
          .scale = {1, 2, 3, 4, 5},
          .weight1 = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1e-30f},
          .bias1 = {0.5f, -0.5f},
          .weight2 = {1.25f, -3},
          .bias2 = 0.1f,
          .skip = -2};
}

Plan pair() {
  Plan plan;
  plan.name = "pair";
  plan.classes = {"cat", "dog", "ship"};
  Stage little{.name = "little", .arch = ArchSpec::parse("8-16"), .onnx = "little.onnx"};
  little.sha256 = std::string(64, 'a');
  little.feature_width = 2;
  little.macs = 1'000'000'000'000;
  little.parameters = 1400;
  little.exit = {.temperature = 1.3, .router = small_router(), .threshold = 0.4};
  const double sample[] = {50, 60, 70};
  little.cost = MeasuredCost{.latency_us = summarize(sample),
                             .prepare_us = 0.25,
                             .behind_us = {60, 72},
                             .first_inference_us = 900,
                             .load_ms = 3,
                             .energy_uj = 450.5};
  Stage big{.name = "big", .arch = ArchSpec::parse("24-64,64"), .onnx = "big.onnx"};
  big.sha256 = std::string(64, 'c');
  plan.stages = {little, big};
  plan.predicted = Prediction{.accuracy = 0.93, .mean_latency_us = 80.5, .exit_share = {0.75, 0.25}};
  plan.provenance = {{"git", "abc"}, {"seed", 17}};
  return plan;
}

TEST(Plan, SurvivesJsonToTheLastBit) {
  const Plan plan = pair();
  const Plan back = plan_from_json(parse_json(to_json(plan).dump(), "plan.json"), "plan.json");
  EXPECT_EQ(to_json(back).dump(), to_json(plan).dump());
  EXPECT_EQ(back.stages[0].exit.router->weight1, plan.stages[0].exit.router->weight1);
  EXPECT_EQ(back.stages[0].exit.router->mean, plan.stages[0].exit.router->mean);
  EXPECT_EQ(back.stages[0].arch, plan.stages[0].arch);
  EXPECT_EQ(back.stages[0].cost->latency_us.mean, 60);
  EXPECT_EQ(back.stages[0].cost->energy_uj, 450.5);
  EXPECT_EQ(back.stages[0].cost->behind_us, (std::vector<double>{60, 72}));
  EXPECT_FALSE(back.stages[1].cost);
  EXPECT_FALSE(back.stages[1].exit.router);
  EXPECT_EQ(back.provenance["seed"], 17);
}

TEST(Plan, KeepsTheFitAndReadsPlansWithoutOne) {
  Plan plan = pair();
  EXPECT_FALSE(to_json(plan).contains("fit"));  // as in plans of before
  plan.fit = Fit::crop;
  Json json = to_json(plan);
  EXPECT_EQ(plan_from_json(json, "plan.json").fit, Fit::crop);
  json["fit"] = "stretch";
  EXPECT_EQ(error_of([&] { plan_from_json(json, "plan.json"); }),
            "plan.json: fit: expected squash, crop or pad, found \"stretch\"");
}

preprocess::Preprocess photograph() {
  return {.resize = {.mode = preprocess::ResizeMode::exact,
                     .height = 256,
                     .width = 288,
                     .interpolation = preprocess::Interpolation::bicubic},
          .height = 224,
          .width = 240,
          .mean = {0.485, 0.456, 0.406},
          .stddev = {0.229, 0.224, 0.225}};
}

TEST(Plan, KeepsThePreprocessingOfImageStages) {
  Plan plan = pair();
  EXPECT_FALSE(to_json(plan)["stages"][0].contains("preprocess"));  // as in plans of before
  plan.stages[1].preprocess = photograph();
  Json json = to_json(plan);
  const Plan back = plan_from_json(json, "plan.json");
  EXPECT_FALSE(back.stages[0].preprocess);
  EXPECT_EQ(back.stages[1].preprocess, photograph());
  json["stages"][1]["preprocess"]["order"] = "gbr";
  EXPECT_EQ(error_of([&] { plan_from_json(json, "plan.json"); }),
            "plan.json: stages[1].preprocess.order: expected one of rgb, bgr, found \"gbr\"");
  plan.stages[1].input = StageInput::features;
  plan.stages[1].source = 0;
  EXPECT_THAT(error_of([&] { plan_from_json(to_json(plan), "plan.json"); }),
              HasSubstr("stages[1].preprocess: expected none at a stage that reads features"));
}

TEST(Plan, TheSchemaAgrees) {
  Plan plan = pair();
  plan.stages[0].preprocess = photograph();
  plan.policy = PolicyKind::confidence;
  plan.fit = Fit::crop;
  plan.stages[0].artifacts = {{.engine = engine::spec_of_engine(engine::kCompiled),
                               .file = "little.program",
                               .sha256 = std::string(64, 'b'),
                               .needs = {"avx2"}}};
  plan.stages[1].input = StageInput::features;
  plan.stages[1].source = 0;
  plan.stages[1].exit.answer_weights = {0.25, 0.75};
  expect_schema_agrees(TRIAGE_SCHEMAS "/plan.schema.json", to_json(plan),
                       [](const Json& json) { plan_from_json(json, "plan.json"); }, {"provenance"});
}

TEST(Plan, KeepsAnswerWeights) {
  Plan plan = pair();
  EXPECT_FALSE(to_json(plan)["stages"][1]["exit"].contains("answer_weights"));  // as in plans of before
  plan.policy = PolicyKind::agreement;
  plan.stages[1].exit.answer_weights = {0.25, 0.75};
  Json json = to_json(plan);
  const Plan back = plan_from_json(json, "plan.json");
  EXPECT_EQ(back.policy, PolicyKind::agreement);
  EXPECT_TRUE(back.stages[0].exit.answer_weights.empty());
  EXPECT_EQ(back.stages[1].exit.answer_weights, plan.stages[1].exit.answer_weights);
  const auto refusal = [&](const Json& weights) {
    json["stages"][1]["exit"]["answer_weights"] = weights;
    return error_of([&] { plan_from_json(json, "plan.json"); });
  };
  const std::string place = "plan.json: stages[1].exit.answer_weights";
  EXPECT_THAT(refusal({1}), HasSubstr(place + ": expected a list of 2, one for each stage up to this one, found"));
  EXPECT_EQ(refusal({0.5, 0.25}), place + ": expected weights that add up to 1, found 0.75");
  EXPECT_EQ(refusal({-0.5, 1.5}), place + "[0]: expected a weight from 0 to 1, found -0.5");
}

TEST(Plan, KeepsArtifacts) {
  Plan plan = pair();
  EXPECT_FALSE(to_json(plan)["stages"][0].contains("artifacts"));  // nothing is written where there is none
  const engine::Artifact big{.engine = engine::spec_of_engine(engine::kCompiled),
                             .file = "big.program",
                             .sha256 = std::string(64, 'b'),
                             .needs = {"avx2", "fma"}};
  const engine::Artifact other{.engine = engine::EngineSpec::parse("tensorrt;precision=int8", ""),
                               .file = "big.engine",
                               .sha256 = std::string(64, 'c')};
  plan.stages[1].artifacts = {big, other};
  const Plan back = plan_from_json(to_json(plan), "plan.json");
  EXPECT_TRUE(back.stages[0].artifacts.empty());
  EXPECT_EQ(back.stages[1].artifacts, (std::vector{big, other}));
  EXPECT_EQ(to_json(back), to_json(plan));
}

TEST(Plan, AnArtifactReplacesTheOneForItsEngine) {
  Stage stage{.onnx = "big.onnx", .sha256 = "ab"};
  const auto compiled = [](const char* file) {
    return engine::Artifact{.engine = engine::spec_of_engine(engine::kCompiled), .file = file};
  };
  EXPECT_EQ(stage.artifact(engine::kCompiled), nullptr);
  stage.set_artifact(compiled("old.program"));
  stage.set_artifact(compiled("new.program"));
  ASSERT_EQ(stage.artifacts.size(), 1u);
  EXPECT_EQ(stage.artifact(engine::kCompiled)->file, "new.program");
  const std::vector<engine::Artifact> files = stage.files();
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[1], (engine::Artifact{.engine = {}, .file = "big.onnx", .sha256 = "ab"}));
}

TEST(Plan, ReadsCompiledStagesOfVersion1) {
  Json json = to_json(pair());
  json["version"] = 1;
  json["stages"][1]["compiled"] = {{"file", "big.program"}, {"sha256", std::string(64, 'b')}};
  const Plan plan = plan_from_json(json, "plan.json");
  EXPECT_TRUE(plan.stages[0].artifacts.empty());
  ASSERT_NE(plan.stages[1].artifact(engine::kCompiled), nullptr);
  EXPECT_EQ(plan.stages[1].artifacts[0].file, "big.program");
  EXPECT_EQ(to_json(plan)["version"], kPlanVersion);
  json["stages"][1]["compiled"]["file"] = "../big";
  EXPECT_THAT(error_of([&] { plan_from_json(json, "plan.json"); }), HasSubstr("expected a plain file name"));
}

TEST(Plan, SavesAndLoadsADirectory) {
  const TempDir directory;
  save_plan(directory / "run/plan", pair());
  EXPECT_EQ(to_json(load_plan(directory / "run/plan")).dump(), to_json(pair()).dump());
  EXPECT_THAT(error_of([&] { load_plan(directory.path()); }), HasSubstr("plan.json: cannot open"));
  Plan bad = pair();
  bad.stages[0].exit.threshold = std::nan("");
  EXPECT_THAT(error_of([&] { save_plan(directory / "bad", bad); }),
              HasSubstr("plan.json: stages[0].exit.threshold: expected a number, found null"));
  EXPECT_FALSE(fs::exists(directory / "bad"));
}

TEST(Plan, DamageIsRefused) {
  const TempDir directory;
  save_plan(directory.path(), pair());
  const Damage found =
      damage(directory / "plan.json", 200, [&] { return to_json(load_plan(directory.path())).dump(); });
  EXPECT_THAT(found.taken, testing::IsEmpty());
  EXPECT_GT(found.refused, 100);  // the others are spaces
}

// The message that plan.json gives after `change` to the good plan's JSON.
template <class Change>
std::string refusal(Change change) {
  Json json = to_json(pair());
  change(json);
  return error_of([&] { plan_from_json(json, "plan.json"); });
}
std::string refusal_at(const char* pointer, const Json& value) {
  return refusal([&](Json& json) { json[Json::json_pointer(pointer)] = value; });
}
std::string refusal_without(const char* parent, const char* field) {
  return refusal([&](Json& json) { json[Json::json_pointer(parent)].erase(field); });
}

TEST(Plan, RefusesArtifactsWithoutAnEngineAFileOrAChecksum) {
  const std::string hash(64, 'b');
  const auto with = [](const Json& artifact) { return refusal_at("/stages/1/artifacts", Json::array({artifact})); };
  EXPECT_EQ(with({{"engine", "compiled"}, {"file", "big.program"}, {"sha256", hash}}), "no error");
  EXPECT_THAT(with({{"file", "big.program"}, {"sha256", hash}}),
              HasSubstr("plan.json: stages[1].artifacts[0]: field 'engine' is missing"));
  EXPECT_THAT(with({{"engine", "Compiled!"}, {"file", "big"}, {"sha256", hash}}),
              HasSubstr("stages[1].artifacts[0].engine: found 'Compiled!', expected ENGINE"));
  EXPECT_THAT(with({{"engine", "compiled"}, {"sha256", hash}}),
              HasSubstr("stages[1].artifacts[0]: field 'file' is missing"));
  EXPECT_THAT(with({{"engine", "compiled"}, {"file", "../big"}, {"sha256", hash}}),
              HasSubstr("expected a plain file name"));
  EXPECT_THAT(with({{"engine", "compiled"}, {"file", "big"}, {"sha256", ""}}),
              HasSubstr("artifacts[0].sha256: expected 64 hexadecimal digits in lower case, found \"\""));
  const Json one{{"engine", "compiled"}, {"file", "big.program"}, {"sha256", hash}};
  EXPECT_THAT(refusal_at("/stages/1/artifacts", Json::array({one, one})),
              HasSubstr("stages[1].artifacts[1].engine: expected an engine that no other artifact is for"));
}

TEST(Plan, RefusesByNameWithFoundAndExpected) {
  EXPECT_EQ(refusal([](Json&) {}), "no error");
  EXPECT_EQ(refusal_at("/version", 3), "plan.json: version: expected a number from 1 to 2, found 3");
  EXPECT_EQ(refusal_without("", "version"), "plan.json: field 'version' is missing");
  EXPECT_EQ(refusal_at("/policy", "guess"),
            "plan.json: policy: expected learned, confidence, entropy, margin or agreement, found 'guess'");
  EXPECT_EQ(refusal_at("/stages/1/name", "little"),
            "plan.json: stages[1].name: expected a name that no other stage has, found \"little\"");
  EXPECT_EQ(refusal_at("/stages/0/arch", "8-x"),
            "plan.json: stages[0].arch: architecture '8-x': expected a width from 1 to 4096, found 'x'");
  EXPECT_THAT(refusal_at("/stages/0/arch", "8-8-8-8-8-8-8"), HasSubstr("would pool a map of 1x1"));
  EXPECT_EQ(refusal_at("/stages", Json::array()),
            "plan.json: stages: expected 1 to 64 stages, found a list of 0 elements");
  EXPECT_EQ(refusal_at("/classes/1", "cat"),
            "plan.json: classes[1]: expected a name that no other class has, found \"cat\"");
  EXPECT_THAT(refusal_at("/classes", {"cat"}), HasSubstr("2 to 100000 classes"));
  EXPECT_THAT(refusal_at("/name", ""), HasSubstr("plan.json: name"));
  EXPECT_THAT(refusal_at("/name", "a\nb"), HasSubstr("control characters"));
  EXPECT_THAT(refusal_at("/input/height", 0), HasSubstr("plan.json: input.height"));
  EXPECT_THAT(refusal_at("/provenance", 1), HasSubstr("plan.json: provenance: expected an object, found 1"));
  EXPECT_THAT(error_of([] { plan_from_json(Json::array(), "plan.json"); }), HasSubstr("expected an object"));
}

TEST(Plan, RefusesFilesOutsideItsDirectoryAndBadChecksums) {
  for (const char* name : {"", ".", "..", "../little.onnx", "/etc/passwd", "a/b.onnx", "a\\b.onnx", "a..b"}) {
    EXPECT_THAT(refusal_at("/stages/0/onnx", name), HasSubstr("plan.json: stages[0].onnx")) << name;
  }
  for (const auto& sum :
       {std::string(), std::string(63, 'a'), std::string(64, 'A'), std::string(64, 'g'), std::string(65, '0')}) {
    EXPECT_THAT(refusal_at("/stages/0/sha256", sum), HasSubstr("64 hexadecimal digits")) << sum;
  }
}

TEST(Plan, RefusesBadExits) {
  EXPECT_EQ(
      refusal_without("/stages/0/exit", "router"),
      "plan.json: stages[0].exit: field 'router' is missing: the policy 'learned' needs one at every exit but the "
      "last");
  EXPECT_EQ(refusal([](Json& json) {
              json["policy"] = "confidence";
              json["stages"][0]["exit"].erase("router");
            }),
            "no error");
  EXPECT_THAT(refusal_at("/stages/0/exit/temperature", 0), HasSubstr("stages[0].exit.temperature"));
  EXPECT_THAT(refusal_at("/stages/0/exit/temperature", -1), HasSubstr("stages[0].exit.temperature"));
  EXPECT_THAT(refusal_at("/stages/0/exit/threshold", "0.5"), HasSubstr("expected a number, found \"0.5\""));
  EXPECT_EQ(refusal_at("/stages/0/exit/threshold", -0.1), "no error");  // everything escalates
  EXPECT_EQ(refusal_at("/stages/0/feature_width", 3),
            "plan.json: stages[0].exit.router.feature_width: expected the stage's feature width 3, found 2");
  for (const char* vector : {"mean", "scale", "weight1", "bias1", "weight2"}) {
    const std::string field = std::string("/stages/0/exit/router/") + vector;
    EXPECT_THAT(refusal_at(field.c_str(), {1.0}), HasSubstr(std::string("router.") + vector + ": expected a list of"));
    EXPECT_THAT(refusal_at((field + "/0").c_str(), 1e39), HasSubstr("expected a number in single precision")) << vector;
    EXPECT_THAT(refusal_at((field + "/0").c_str(), nullptr), HasSubstr("found null")) << vector;
  }
  EXPECT_THAT(refusal_at("/stages/0/exit/router/hidden", 1 << 30),
              HasSubstr("hidden: expected a number from 1 to 4096"));
  EXPECT_THAT(refusal_at("/stages/0/exit/router/bias2", std::numeric_limits<double>::infinity()), HasSubstr("bias2"));
}

TEST(Plan, FeatureStagesComeAfterTheirSource) {
  const auto with_source = [](std::size_t stage, const Json& source) {
    return refusal([&](Json& json) {
      json["stages"][stage]["input"] = "features";
      if (!source.is_null()) json["stages"][stage]["source"] = source;
    });
  };
  EXPECT_EQ(with_source(1, 0), "no error");
  EXPECT_EQ(with_source(1, 1), "plan.json: stages[1].source: expected an earlier stage, 0 to 0, found 1");
  EXPECT_THAT(with_source(1, -1), HasSubstr("stages[1].source"));
  EXPECT_THAT(with_source(0, 0), HasSubstr("expected input 'image' at the first stage"));
  EXPECT_THAT(with_source(1, nullptr), HasSubstr("field 'source' is missing"));
  EXPECT_THAT(refusal_at("/stages/1/source", 0), HasSubstr("no source for an image stage"));
  EXPECT_THAT(refusal_at("/stages/1/input", "sound"), HasSubstr("expected 'image' or 'features', found \"sound\""));
}

TEST(Plan, RefusesImpossibleNumbers) {
  EXPECT_THAT(refusal_at("/predicted/accuracy", 93), HasSubstr("predicted.accuracy: expected a number from 0 to 1"));
  EXPECT_THAT(refusal_at("/predicted/mean_latency_us", -1), HasSubstr("predicted.mean_latency_us"));
  EXPECT_THAT(refusal_at("/predicted/exit_share", {1.0}), HasSubstr("expected one share per stage (2)"));
  EXPECT_THAT(refusal_at("/predicted/exit_share", {0.5, 0.6}), HasSubstr("add up to 1"));
  EXPECT_THAT(refusal_at("/predicted/exit_share", {1.5, -0.5}), HasSubstr("shares from 0 to 1"));
  EXPECT_THAT(refusal_at("/stages/0/macs", -5), HasSubstr("stages[0].macs"));
  EXPECT_THAT(refusal_at("/stages/0/macs", 1.5), HasSubstr("expected an integer"));
  EXPECT_THAT(refusal_at("/stages/0/cost/latency_us/mean", -5), HasSubstr("stages[0].cost.latency_us.mean"));
  EXPECT_THAT(refusal_at("/stages/0/cost/energy_uj", -5), HasSubstr("stages[0].cost.energy_uj"));
  EXPECT_THAT(refusal_at("/stages/0/cost/behind_us", {60, -1}), HasSubstr("behind_us[1]: expected 0 us or more"));
  EXPECT_THAT(refusal_at("/stages/0/cost/behind_us", {60}), HasSubstr("expected one latency per stage (2)"));
  EXPECT_THAT(refusal_without("/stages/0/cost", "load_ms"), HasSubstr("stages[0].cost: field 'load_ms' is missing"));
}

// Two nets, every image through both: each runs behind the other. Of three, each pays for both others.
TEST(Plan, StagesCostWhatTheyTakeBehindOthers) {
  Plan plan = pair();
  plan.stages.push_back(plan.stages[1]);
  const double own[] = {10, 20, 40}, behind[3][3] = {{10, 11, 14}, {23, 20, 26}, {41, 45, 40}};
  for (std::size_t i = 0; i < 3; ++i)
    plan.stages[i].cost = MeasuredCost{.latency_us = summarize(std::span(&own[i], 1)), .behind_us = {}};
  EXPECT_EQ(latency_on_path_us(plan, 1), 20);
  for (std::size_t i = 0; i < 3; ++i) plan.stages[i].cost->behind_us.assign(behind[i], behind[i] + 3);
  EXPECT_EQ(latency_on_path_us(plan, 0), 10);
  EXPECT_EQ(latency_on_path_us(plan, 0) + latency_on_path_us(plan, 1), 11 + 23);
  EXPECT_EQ(latency_on_path_us(plan, 2), 40 + (1 + 5) + (4 + 6));

  const Plan part = plan_of_stages(plan, {{2, 0}});
  ASSERT_EQ(part.stages.size(), 2);
  EXPECT_EQ(part.stages[0].cost->behind_us, (std::vector<double>{40, 41}));
  EXPECT_EQ(latency_on_path_us(part, 0) + latency_on_path_us(part, 1), 41 + 14);
}

}  // namespace
}  // namespace triage::plan
