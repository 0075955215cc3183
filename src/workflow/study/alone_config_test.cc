#include "workflow/study/alone_config.h"

#include "workflow/workflow_test_support.h"

namespace triage::workflow {
namespace {

using testing::HasSubstr;

TEST(AloneConfig, StagesLearnFromLabelsByTheSupernetsRecipe) {
  const RunConfig supernet =
      run_config(kSupernet + "epochs = 7\nlr = 0.5\n[supernet.augment]\nshift = 3\n[supernet.distill]\nmix = 0.5\n",
                 {"seed=4", "threads=3", "data.route=5%", "data.validation=100", "precision=fp32", "device=cpu"});
  const family::ArchSpec largest = supernet.supernet->space->largest(), smallest = supernet.supernet->space->smallest();
  const RunConfig alone = run_config(alone_config(supernet, "", std::vector{largest, smallest}));
  EXPECT_EQ(alone.name, "net-alone");
  EXPECT_EQ(alone.seed, 4u);
  EXPECT_EQ(alone.threads, 3);
  EXPECT_EQ(alone.device, "cpu");
  EXPECT_FALSE(alone.auto_precision);
  EXPECT_EQ(alone.route->share, 0.05);
  EXPECT_EQ(alone.validation->images, 100u);
  ASSERT_EQ(alone.stages.size(), 2u);
  EXPECT_EQ(alone.stages[0].space->largest(), largest);
  EXPECT_EQ(alone.stages[1].space->largest(), smallest);
  for (const StageConfig& stage : alone.stages) {
    EXPECT_EQ(stage.train.epochs, 7);
    EXPECT_EQ(stage.train.lr, 0.5);
    EXPECT_EQ(stage.train.augment.shift, 3);
    EXPECT_TRUE(stage.teacher.empty());
    EXPECT_TRUE(stage.from.empty());
  }
}

TEST(AloneConfig, ANameIsOfTheArchitectureAloneSoThatItsWeightsBeginAlike) {
  const RunConfig supernet = run_config(kSupernet);
  const family::ArchSpec largest = supernet.supernet->space->largest(), smallest = supernet.supernet->space->smallest();
  const RunConfig both = run_config(alone_config(supernet, "a", std::vector{largest, smallest}));
  const RunConfig one = run_config(alone_config(supernet, "b", std::vector{smallest}));
  EXPECT_EQ(both.stages[1].name, one.stages[0].name);
  EXPECT_EQ(one.name, "b");
}

TEST(AloneConfig, WhatIsAutomaticStaysSo) {
  const RunConfig supernet = run_config(kSupernet);
  const std::string text = alone_config(supernet, "", std::vector{supernet.supernet->space->largest()});
  EXPECT_TRUE(run_config(text).auto_precision);
  EXPECT_THAT(text, testing::Not(HasSubstr("device")));
}

TEST(AloneConfig, NetsOfOtherFamiliesHaveTheirOwnRecipeAndNames) {
  const RunConfig supernet = run_config(
      "name = \"net\"\n[data]\nfile = \"data.tds\"\n[supernet]\nspace = "
      "\"mbconv:8/2-8e1,e2?-16k3:5:2e2s4h/2\"\nepochs = 7\nmomentum = 0.8\n");
  const std::vector<family::ArchSpec> subnets{supernet.supernet->space->largest(),
                                              supernet.supernet->space->smallest()};
  const RunConfig alone = run_config(alone_config(supernet, "", subnets));
  ASSERT_EQ(alone.stages.size(), 2u);
  EXPECT_EQ(alone.stages[0].name, "mbconv_8d2_8e1xe2_16k5e2s4hd2");
  EXPECT_EQ(alone.stages[1].name, "mbconv_8d2_8e1_16e2s4hd2");
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(alone.stages[i].space->largest(), subnets[i]);
    EXPECT_EQ(train::to_json(alone.stages[i].train), train::to_json(supernet.supernet->train));
  }
  EXPECT_EQ(alone.stages[0].train.momentum, 0.8);
}

TEST(AloneConfig, NeedsASupernet) {
  EXPECT_THAT(error_of([] { alone_config(run_config(kTwoStages), "", {}); }),
              HasSubstr("expected a [supernet], found none"));
}

}  // namespace
}  // namespace triage::workflow
