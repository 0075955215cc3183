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

TEST(StageSection, NetsOfOtherFamiliesHaveARecipeOfTheirOwn) {
  const StageConfig stage =
      run_config(kTwoStages, {"stage.big.arch=residual:8-8,x1-16/2", "stage.big.lr=0.3"}).stages[1];
  EXPECT_EQ(stage.space->text(), "residual:8-8x2-16/2");
  EXPECT_EQ(stage.train.lr, 0.3);
  EXPECT_EQ(stage.train.bias_lr_scale, 1);
  EXPECT_FALSE(stage.train.whitened_stem);
  EXPECT_EQ(stage.features_block, 1);
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.arch=mbconv:8-8e1", "stage.big.features_block=1"}),
              HasSubstr("expected an integer from 0 to 0, found 1"));
  for (const char* key : {"fp32_layers=[]", "whitened_stem=true", "residual=true", "head_scale=1"})
    EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.arch=residual:8-8-16/2", std::string("stage.big.") + key}),
                HasSubstr("no such key beside another family than plain"))
        << key;
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.arch=residual:8:16:8-8"}),
              HasSubstr("expected one net, found ranges"));
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.arch=resnet:8-8"}), HasSubstr("expected one of plain, residual"));
  const StageConfig supernet =
      *run_config(kSupernet, {"supernet.space=residual:8:16:8-8-8", "supernet.exits=[0]"}).supernet;
  EXPECT_EQ(supernet.space->subnets(), 2);
  EXPECT_EQ(supernet.train.bias_lr_scale, 1);
  EXPECT_THAT(run_refusal(kSupernet, {"supernet.space=residual:8:16:8-8", "supernet.residual=true"}),
              HasSubstr("no such key beside another family than plain"));
}

const std::string kImported = "name = \"a\"\n[data]\nfile = \"d\"\n[[stage]]\nname = \"x\"\nonnx = \"nets/x.onnx\"\n";

TEST(OnnxSection, PlacesAreRelativeToTheConfigurationAndStandAbsoluteInItsText) {
  const ConfigFile file(kImported +
                        "preprocess = \"/p.json\"\nclasses = \"c.txt\"\nanswer = \"y\"\nfeatures = \"z\"\n");
  const RunConfig config = load_run_config(file.path());
  const OnnxConfig& onnx = *config.stages[0].onnx;
  const fs::path directory = file.path().parent_path();
  EXPECT_EQ(onnx.file, directory / "nets/x.onnx");
  EXPECT_EQ(onnx.preprocess, "/p.json");
  EXPECT_EQ(onnx.classes, directory / "c.txt");
  EXPECT_EQ(onnx.answer, "y");
  EXPECT_EQ(onnx.features, "z");
  const ConfigFile copy(config.text);
  EXPECT_EQ(load_run_config(copy.path()).text, config.text);
}

TEST(OnnxSection, WhatBelongsToTrainedStagesIsRefusedBesideIt) {
  for (const char* key :
       {"arch=8", "epochs=3", "lr=0.1", "teacher=y", "exits=[0]", "from=a.pt", "fp32_layers=[]", "distill.mix=0.5"})
    EXPECT_THAT(run_refusal(kImported, {std::string("stage.x.") + key}), HasSubstr("no such key beside 'onnx'")) << key;
  EXPECT_THAT(run_refusal(kImported, {"stage.x.widths=8"}), HasSubstr("key 'stage[0].widths' is unknown"));
  EXPECT_THAT(run_refusal(kImported, {"stage.x.inference_precision=int4"}), HasSubstr("expected fp32 or int8"));
  EXPECT_THAT(run_refusal(kImported, {"stage.x.onnx="}), HasSubstr("expected the name of a file"));
  EXPECT_THAT(run_refusal(kTwoStages, {"stage.big.preprocess=p.json"}), HasSubstr("'stage[1].preprocess' is unknown"));
}

TEST(OnnxSection, MayTeach) {
  EXPECT_EQ(run_config(kImported + "[[stage]]\nname = \"y\"\narch = \"8\"\nteacher = \"x\"\n").stages[1].teacher, "x");
}

TEST(Teachers, ACircleIsRefusedAndAnUnknownOneNamed) {
  EXPECT_EQ(run_refusal(three("teacher = \"s1\"", "teacher = \"s2\"", "teacher = \"s0\"")),
            "c.toml: stage 's0': teachers form a circle");
  EXPECT_EQ(run_refusal(three("teacher = \"s0\"", "", "")), "c.toml: stage 's0': teachers form a circle");
  EXPECT_EQ(run_refusal(three("teacher = \"s9\"", "", "")), "c.toml: expected a [[stage]] named 's9', found none");
}

TEST(Teachers, ASupernetTeachesOnlyWhoStartsFromOne) {
  for (const char* file : {"nets/a.pt", "nets/a.onnx"}) {
    const auto stages = run_config(three(std::format("teacher = \"{}\"", file).c_str(), "", "")).stages;
    EXPECT_TRUE(stages[0].learns_from_file());
    EXPECT_FALSE(stages[0].learns_from_stage());
    EXPECT_TRUE(fs::path(stages[0].teacher).is_absolute());  // in the configuration it is relative to that
    EXPECT_TRUE(stages[0].teacher.ends_with(file)) << stages[0].teacher;
  }
  EXPECT_THAT(run_refusal(three("teacher = \"s1\"\naugment.mixup = 0.2", "", "")),
              HasSubstr("teacher': expected distill.views = 0 beside mixup or cutmix"));
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
  EXPECT_GT(config.supernet->space->subnets(), 1);
  EXPECT_THAT(config.supernet->supernet.exits, ElementsAre(0));
  EXPECT_EQ(config.supernet->supernet.random_subnets, 4);
  EXPECT_THAT(run_refusal("name = \"a\"\n[data]\nfile = \"d\"\n[supernet]\nepochs = 1\n"),
              HasSubstr("key 'supernet.space' is missing"));
  EXPECT_THAT(run_refusal(kSupernet, {"supernet.from=supernet"}), HasSubstr("expected a directory"));
  EXPECT_THAT(run_refusal(kSupernet, {"supernet.spaces=8"}), HasSubstr("key 'supernet.spaces' is unknown"));
}

}  // namespace
}  // namespace triage::workflow
