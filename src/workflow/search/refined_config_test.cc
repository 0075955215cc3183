#include "workflow/search/refined_config.h"

#include "workflow/workflow_test_support.h"

namespace triage::workflow {
namespace {

using testing::HasSubstr;
using testing::Not;

// The configuration that refines a plan of kSupernet's subnets.
std::string refined_text(const std::string& genome, RefineRequest request = {}, cost::Budgets budgets = {}) {
  RunConfig run = run_config(kSupernet + "residual = true\nhead_scale = 0.25\n[supernet.augment]\nshift = 3\n");
  run.splits.route = 40;
  run.splits.validation = 50;
  SearchConfig search = search_config(kSearch);
  search.budgets = budgets;
  search::FrontPoint point;
  point.genome = search::Genome::parse(genome);
  point.accuracy = 0.9;
  if (request.name.empty()) request.name = "refined";
  return refined_config(request, point, search,
                        {.config = run, .space = run.supernet->space, .input = {3, 32, 32}, .classes = 4});
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
  EXPECT_EQ(config.stages[1].space.largest(), plan::ArchSpec::parse("16,32-32"));
  for (const StageConfig& stage : config.stages) EXPECT_EQ(stage.from, "runs/net");
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

TEST(RefinedConfig, TheSearchsBudgetsStay) {
  const cost::Budgets budgets{.mean_macs = 2e6, .model_kb = 800};
  EXPECT_EQ(refined("confidence: 8,16", {}, budgets).budgets, budgets);
  EXPECT_THAT(refined_text("confidence: 8,16"), Not(HasSubstr("[build.budget]")));
}

}  // namespace
}  // namespace triage::workflow
