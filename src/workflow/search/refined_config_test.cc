#include "workflow/search/refined_config.h"

#include "workflow/workflow_test_support.h"

namespace triage::workflow {
namespace {

using testing::HasSubstr;
using testing::Not;

RefinedSupernet supernet_of(const RunConfig& run, const std::string& directory = "runs/net") {
  return {.directory = directory, .config = run, .space = run.supernet->space, .input = {3, 32, 32}, .classes = 4};
}

const std::string kShift = "[supernet.augment]\nshift = 3\n";

// The configuration that refines a plan of kSupernet's subnets.
std::string refined_text(const std::string& genome, RefineRequest request = {}, cost::Budgets budgets = {},
                         const std::string& supernet = kShift, std::span<const TakenNet> taken = {}) {
  RunConfig run = run_config(kSupernet + "residual = true\nhead_scale = 0.25\n" + supernet);
  run.splits.route = 40;
  run.splits.validation = 50;
  SearchConfig search = search_config(kSearch);
  search.budgets = budgets;
  search::FrontPoint point;
  point.genome = search::Genome::parse(genome);
  point.accuracy = 0.9;
  if (request.name.empty()) request.name = "refined";
  return refined_config(request, point, search, std::array{supernet_of(run)}, taken);
}
RunConfig refined(const std::string& genome, RefineRequest request = {}, cost::Budgets budgets = {}) {
  return run_config(refined_text(genome, std::move(request), budgets));
}

TEST(RefinedConfig, CanBeReadAndHasTheNetsOfThePlan) {
  const RunConfig config = refined("margin: 8,16 > 16,32-32");
  EXPECT_EQ(config.name, "refined");
  EXPECT_EQ(config.policy, plan::PolicyKind::margin);
  ASSERT_EQ(config.stages.size(), 2u);
  EXPECT_EQ(config.stages[0].name, "net1");
  EXPECT_EQ(config.stages[1].name, "net2");
  EXPECT_EQ(config.stages[1].space.plain().largest(), plan::ArchSpec::parse("16,32-32"));
  for (const StageConfig& stage : config.stages) {
    EXPECT_EQ(stage.from, "runs/net");
    EXPECT_NEAR(stage.train.lr, 0.4, 1e-6);
  }
  EXPECT_EQ(config.route->images, 40u);
  EXPECT_EQ(config.validation->images, 50u);
}

TEST(RefinedConfig, NetsHaveTheSupernetsShapeAndTheRequestsTraining) {
  const RunConfig config =
      refined("confidence: 8,16 > 16,32-32", {.name = "a", .target = {}, .epochs = 5, .rate = 0.3});
  for (const StageConfig& stage : config.stages) {
    EXPECT_TRUE(stage.train.residual);
    EXPECT_EQ(stage.train.head_scale, 0.25);
    EXPECT_EQ(stage.train.augment.shift, 3);
    EXPECT_EQ(stage.train.epochs, 5);
    EXPECT_EQ(stage.train.lr, 0.3);
    EXPECT_EQ(stage.train.warmup, 0.1);
    EXPECT_EQ(stage.train.validate_every, 4);
  }
}

TEST(RefinedConfig, ImagesAreAugmentedAsTheSupernetsWere) {
  const std::string all =
      "epochs = 40\n[supernet.augment]\nshift = 1\nflip = false\ncutout = 5\ncrop_area = 0.5\ntrivial_augment = 0.25\n"
      "brightness = 0.1\ncontrast = 0.2\nsaturation = 0.3\nerase = 0.4\nmixup = 0.6\ncutmix = 1\nclean_epochs = 10\n";
  const RunConfig config =
      run_config(refined_text("confidence: 8,16 > 16,32-32", {.name = "a", .target = {}, .epochs = 6}, {}, all));
  for (const StageConfig& stage : config.stages) {
    const Json found = train::to_json(stage.train).at("augment");
    EXPECT_EQ(found, Json({{"shift", 1},
                           {"flip", false},
                           {"cutout", 5},
                           {"crop_area", 0.5},
                           {"trivial_augment", 0.25},
                           {"brightness", 0.1},
                           {"contrast", 0.2},
                           {"saturation", 0.3},
                           {"erase", 0.4},
                           {"mixup", 0.6},
                           {"cutmix", 1.0},
                           {"clean_epochs", 2}}));  // 10 of 40 are 1.5 of 6
  }
  EXPECT_EQ(config.stages[0].teacher, "net2");
  EXPECT_EQ(config.stages[0].train.distill.views, 0);  // nothing can be kept of mixed images
  EXPECT_THAT(refined_text("confidence: 8,16"),
              HasSubstr("[stage.augment]\nshift = 3\nflip = true\ncutout = 0\n[stage.dis"));
}

TEST(RefinedConfig, TheLastNetTeachesTheOthers) {
  const RunConfig config = refined("confidence: 8,16 > 8,24-32 > 16,32-32");
  EXPECT_EQ(config.stages[0].teacher, "net3");
  EXPECT_EQ(config.stages[1].teacher, "net3");
  EXPECT_TRUE(config.stages[2].teacher.empty());  // it is the supernet's largest itself
  EXPECT_EQ(config.stages[0].train.distill.views, 12);
  EXPECT_EQ(config.stages[0].train.distill.temperature, 1);
  EXPECT_EQ(config.stages[2].train.distill.views, train::DistillOptions().views);
}

TEST(RefinedConfig, ASmallLastNetLearnsFromTheSupernet) {
  EXPECT_EQ(refined("confidence: 8,16").stages[0].teacher, "supernet");
}

TEST(RefinedConfig, EarlyExitsAreTrainedWithTheirNet) {
  const RunConfig config = refined("confidence: 16,32-32@0");
  EXPECT_THAT(config.stages[0].supernet.exits, testing::ElementsAre(0));
  EXPECT_EQ(config.stages[0].supernet.exit_weight, 1);
  EXPECT_EQ(config.stages[0].supernet.exit_gradient, 0.3);
}

TEST(RefinedConfig, PrecisionsAreThePlans) {
  const RunConfig config = refined("confidence: 8,16/int8 > 16,32-32");
  EXPECT_EQ(config.stages[0].inference_precision, plan::Precision::int8);
  EXPECT_EQ(config.stages[1].inference_precision, plan::Precision::fp32);
}

TEST(RefinedConfig, WhatWasAskedOfTheFrontIsAskedOfThePlan) {
  EXPECT_EQ(refined("confidence: 8,16", {.name = "a", .target = {.latency_us = 400}}).target.latency_us, 400);
  EXPECT_EQ(refined("confidence: 8,16", {.name = "a", .target = {.accuracy = 0.9}}).target.accuracy, 0.9);
  EXPECT_EQ(refined("confidence: 8,16", {.name = "a", .target = {.max_drop = 0.01}}).target.max_drop, 0.01);
  EXPECT_THAT(refined_text("confidence: 8,16"), Not(HasSubstr("accuracy =")));
}

TEST(RefinedConfig, NetsOfOtherFamiliesGetNoKeysOfPlainOnes) {
  const RunConfig run = run_config(
      "name = \"net\"\n[data]\nfile = \"data.tds\"\n[supernet]\nspace = \"residual:8-8:16:8-32/2\"\nexits = [0]\n");
  search::FrontPoint point;
  point.genome = search::Genome::parse("confidence: residual:8-8 > residual:8-16-32/2@exit0");
  const RunConfig plain = run_config(kSupernet);
  const RunConfig refined = run_config(refined_config({.name = "a"}, point, search_config(kSearch),
                                                      std::array{supernet_of(plain, "b"), supernet_of(run)}));
  ASSERT_EQ(refined.stages.size(), 2u);
  EXPECT_EQ(refined.stages[0].space->text(), "residual:8-8");
  EXPECT_EQ(refined.stages[0].features_block, 0);
  EXPECT_EQ(refined.stages[0].from, "runs/net");
  EXPECT_EQ(refined.stages[1].space->text(), "residual:8-16-32/2");
  EXPECT_THAT(refined.stages[1].supernet.exits, testing::ElementsAre(0));
  EXPECT_NEAR(refined.stages[1].train.lr, 0.2 * 2 / 3, 1e-6);  // of what such nets begin with
}

TEST(RefinedConfig, NetsThatAreTakenAsTheyAreAreImported) {
  const std::vector<TakenNet> taken{{"fixed:theirs", "nets/theirs.onnx", "refined-net2.preprocess.json"}};
  const RunConfig config = run_config(refined_text("confidence: 8,16 > fixed:theirs", {}, {}, kShift, taken));
  ASSERT_EQ(config.stages.size(), 2u);
  EXPECT_EQ(config.stages[0].from, "runs/net");
  EXPECT_EQ(config.stages[0].teacher, "net2");
  ASSERT_TRUE(config.stages[1].onnx);
  EXPECT_EQ(config.stages[1].onnx->file.filename(), "theirs.onnx");
  EXPECT_EQ(config.stages[1].onnx->preprocess.filename(), "refined-net2.preprocess.json");
  EXPECT_EQ(error_of([] { refined_text("confidence: 8,16 > fixed:theirs"); }),
            "net fixed:theirs: expected its file, found none");
  EXPECT_EQ(error_of([] { refined_text("confidence: fixed:ours > fixed:theirs"); }),
            "plan 'confidence: fixed:ours > fixed:theirs': expected a subnet, which can be trained on, found only nets "
            "that are taken as they are");
}

TEST(RefinedConfig, TheSearchsBudgetsStay) {
  const cost::Budgets budgets{.mean_macs = 2e6, .model_kb = 800};
  EXPECT_EQ(refined("confidence: 8,16", {}, budgets).budgets, budgets);
  EXPECT_THAT(refined_text("confidence: 8,16"), Not(HasSubstr("[build.budget]")));
}

}  // namespace
}  // namespace triage::workflow
