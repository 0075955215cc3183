#include "workflow/config/stage_config.h"

#include "workflow/workflow_test_support.h"

namespace triage::workflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string three(const std::string& first, const std::string& second, const std::string& third) {
  std::string text = "name = \"t\"\n[data]\nfile = \"d\"\n";
  int number = 0;
  for (const std::string& more : {first, second, third})
    text += std::format("[[stage]]\nname = \"s{}\"\narch = \"8\"\n{}\n", number++, more);
  return text;
}

TEST(StageSection, NamesAreForFilesAndDiffer) {
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.name=plan"}), HasSubstr("another name than that of the whole plan"));
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.name=supernet"}),
              HasSubstr("another name than that of the [supernet]"));
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.name=\"a/b\""}),
              HasSubstr("expected lower-case letters, digits and underscores, found 'a/b'"));
  EXPECT_EQ(run_refusal(kTwoStages, {"stage.big.name=little"}), "c.toml: two stages are named 'little'");
}

TEST(StageSection, NameAndArchitectureAreNeeded) {
  EXPECT_THAT(run_refusal("name = \"a\"\n[data]\nfile = \"d\"\n[[stage]]\narch = \"8\"\n"),
              HasSubstr("c.toml:4: key 'stage[0].name' is missing"));
  EXPECT_THAT(run_refusal("name = \"a\"\n[data]\nfile = \"d\"\n[[stage]]\nname = \"x\"\n"),
              HasSubstr("key 'stage[0].arch' is missing"));
}

TEST(StageSection, ATrainingKeyOutOfRangeIsRefusedAtLoad) {
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.batch=0"}), HasSubstr("key 'stage[1].batch'"));
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.momentum=2"}), HasSubstr("key 'stage[1].momentum'"));
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.epochs=many"}), HasSubstr("key 'stage[1].epochs'"));
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.distill.mix=1.5"}), HasSubstr("key 'stage[1].distill.mix'"));
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.augment.flips=true"}),
              HasSubstr("key 'stage[1].augment.flips' is unknown"));
}

TEST(StageSection, WithoutEpochsWeightsHaveToComeFromSomewhere) {
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.epochs=0"}), HasSubstr("expected at least 1, or 'from'"));
  EXPECT_EQ(run_config(kTwoStages, {"stage.big.epochs=0", "stage.big.from=zoo/net"}).stages[1].from, "zoo/net");
}

TEST(StageSection, PrecisionAndLayersThatStayAreOfTheArchitecture) {
  const RunConfig config = run_config(
      kTwoStages, {"stage.big.inference_precision=int8", "stage.big.fp32_layers=[\"block0.conv0\", \"block1.conv0\"]"});
  EXPECT_EQ(config.stages[0].inference_precision, plan::Precision::fp32);
  EXPECT_EQ(config.stages[1].inference_precision, plan::Precision::int8);
  EXPECT_THAT(config.stages[1].fp32_layers, ElementsAre("block0.conv0", "block1.conv0"));
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.fp32_layers=[\"block2.conv0\"]"}),
              HasSubstr("expected layers of the stage, such as \"block0.conv0\", not \"block2.conv0\""));
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.inference_precision=int4"}), HasSubstr("expected fp32 or int8"));
}

TEST(StageSection, FeaturesComeFromABlockThatIsThere) {
  EXPECT_EQ(run_config(kTwoStages, {"stage.big.features_block=0"}).stages[1].features_block, 0);
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.features_block=2"}),
              HasSubstr("key 'stage[1].features_block': expected an integer from 0 to 1, found 2"));
}

TEST(Teachers, ACircleIsRefusedAndAnUnknownOneNamed) {
  EXPECT_EQ(run_refusal(three("teacher = \"s1\"", "teacher = \"s2\"", "teacher = \"s0\"")),
            "c.toml: stage 's0': teachers form a circle");
  EXPECT_EQ(run_refusal(three("teacher = \"s0\"", "", "")), "c.toml: stage 's0': teachers form a circle");
  EXPECT_EQ(run_refusal(three("teacher = \"s9\"", "", "")), "c.toml: expected a [[stage]] named 's9', found none");
}

TEST(Teachers, ASupernetTeachesOnlyWhoStartsFromOne) {
  EXPECT_THAT(run_refusal(three("teacher = \"supernet\"", "", "")),
              HasSubstr("expected a stage, or a supernet in 'from' beside it"));
  EXPECT_THAT(run_refusal(three("teacher = \"supernet\"\nfrom = \"a.pt\"", "", "")),
              HasSubstr("expected a stage, or a supernet in 'from' beside it"));
  EXPECT_EQ(run_config(three("teacher = \"supernet\"\nfrom = \"zoo/net\"", "", "")).stages[0].teacher, "supernet");
}

TEST(Teachers, AStageFromTheSupernetOfThisRunNeedsOneInTheFile) {
  EXPECT_EQ(run_refusal(three("from = \"supernet\"", "", "")),
            "c.toml: stage 's0': from: expected a [supernet] in this file, found none");
}

TEST(TrainingOrder, IsTheFilesWhereNobodyTeaches) {
  EXPECT_THAT(training_order(run_config(three("", "", "")).stages), ElementsAre(0, 1, 2));
}

TEST(TrainingOrder, HasTeachersFirst) {
  EXPECT_THAT(training_order(run_config(three("teacher = \"s2\"", "teacher = \"s0\"", "")).stages),
              ElementsAre(2, 0, 1));
  EXPECT_THAT(training_order(run_config(three("teacher = \"s1\"", "", "teacher = \"s1\"")).stages),
              ElementsAre(1, 2, 0));
}

TEST(TrainingOrder, ASupernetThatTeachesIsTrainedBeforeAllStages) {
  EXPECT_THAT(training_order(run_config(three("teacher = \"supernet\"\nfrom = \"zoo/net\"", "", "")).stages),
              ElementsAre(0, 1, 2));
}

TEST(SupernetSection, SpaceAndExitsAreRead) {
  const RunConfig config = run_config(kSupernet, {"supernet.exits=[0]", "supernet.random_subnets=4"});
  EXPECT_GT(config.supernet->space.subnets(), 1);
  EXPECT_THAT(config.supernet->supernet.exits, ElementsAre(0));
  EXPECT_EQ(config.supernet->supernet.random_subnets, 4);
  EXPECT_THAT(run_refusal("name = \"a\"\n[data]\nfile = \"d\"\n[supernet]\nepochs = 1\n"),
              HasSubstr("key 'supernet.space' is missing"));
  EXPECT_THAT(run_refusal(kSupernet, {"supernet.from=supernet"}), HasSubstr("expected a directory"));
  EXPECT_THAT(run_refusal(kSupernet, {"supernet.spaces=8"}), HasSubstr("key 'supernet.spaces' is unknown"));
}

}  // namespace
}  // namespace triage::workflow
