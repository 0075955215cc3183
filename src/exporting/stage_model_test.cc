#include "exporting/stage_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "exporting/onnx_engine.h"
#include "exporting/test_models.h"

namespace triage::exporting {
namespace {

using ::testing::HasSubstr;
using testing::random_images;
using testing::random_stage;
using testing::reference_engine;

constexpr plan::InputShape kStageInput{3, 13, 10};  // odd height: the pool drops the last row

std::string error_of(const StageModel& stage) {
  return triage::error_of([&] { stage_to_onnx(stage); });
}

TEST(StageModelTest, MatchesNaiveConvolutions) {
  for (const char* arch : {"4", "5-6", "4,6-8,7-9"}) {
    auto stage = random_stage("little", arch, kStageInput, 4, 1);
    stage.carry_block = 0;
    const auto model = stage_to_onnx(stage);
    check_model(model, arch);
    const auto images = random_images(kStageInput, 7, 2);
    const auto parity = check_parity(reference_engine(stage), onnx_engine("onnxruntime", model), images, 7,
                                     {.absolute = 1e-5, .relative = 1e-5, .batch = 3});
    EXPECT_TRUE(parity.ok()) << arch << parity.text();
    EXPECT_EQ(parity.outputs.size(), 4u);  // carry, features, logits, score
  }
}

TEST(StageModelTest, EveryPolicyScores) {
  for (auto policy :
       {plan::PolicyKind::learned, plan::PolicyKind::confidence, plan::PolicyKind::entropy, plan::PolicyKind::margin}) {
    auto stage = random_stage("little", "6-8", kStageInput, 10, 3);
    stage.policy = policy;
    const auto images = random_images(kStageInput, 9, 4);
    const auto parity = check_parity(reference_engine(stage), onnx_engine("onnxruntime", stage_to_onnx(stage)), images,
                                     9, {.absolute = 1e-5, .relative = 1e-5, .outputs = {"score"}});
    EXPECT_TRUE(parity.ok()) << to_string(policy) << parity.text();
  }
}

TEST(StageModelTest, FeatureStageGoesOnFromCarry) {
  auto whole = random_stage("whole", "4-6-8,9", kStageInput, 3, 5);
  whole.exit.reset();
  auto early = whole, late = whole;
  early.last_block = 2;
  early.carry_block = 1;
  early.convs.resize(2);
  early.head_weight.assign(3 * 6, 0.1f);
  late.first_block = 2;
  late.features_block = -1;
  late.convs.erase(late.convs.begin(), late.convs.begin() + 2);

  const auto images = random_images(kStageInput, 3, 6);
  const auto expected = onnx_engine("whole", stage_to_onnx(whole)).run(images, 3);
  const auto middle = onnx_engine("early", stage_to_onnx(early)).run(images, 3);
  const auto model = stage_to_onnx(late);
  EXPECT_EQ(model.graph().input(0).name(), "carry_in");
  const auto found = onnx_engine("late", model).run(middle.at("carry"), 3);
  EXPECT_EQ(found.size(), 1u);  // logits alone
  EXPECT_EQ(found.at("logits"), expected.at("logits"));
}

TEST(StageModelTest, MetadataNamesTheNet) {
  const auto model = stage_to_onnx(random_stage("little", "4-6,8", kStageInput, 2, 7));
  EXPECT_EQ(metadata(model, "triage.arch"), "4-6,8");
  EXPECT_EQ(metadata(model, "triage.blocks"), "0:2");
  EXPECT_EQ(metadata(model, "triage.classes"), R"(["class 0","class 1"])");
  EXPECT_FALSE(metadata(model, "triage.version").empty());
}

TEST(StageModelTest, RouterNodesAreNamedSo) {
  const auto with = stage_to_onnx(random_stage("little", "4-6", kStageInput, 2, 8));
  auto stage = random_stage("little", "4-6", kStageInput, 2, 8);
  stage.exit.reset();
  const auto without = stage_to_onnx(stage);
  int others = 0;
  for (const auto& node : with.graph().node())
    if (!node.name().starts_with("router/") && node.name() != "score") ++others;
  EXPECT_EQ(others, without.graph().node_size());
}

TEST(StageModelTest, RefusesWhatDoesNotFit) {
  const auto good = random_stage("little", "4-6", kStageInput, 3, 9);
  auto stage = good;
  stage.convs[1].weight.pop_back();
  EXPECT_THAT(error_of(stage), HasSubstr("stage little: block1.conv0: weight: found 215 values, expected 216"));
  stage = good;
  stage.convs[0].bias[2] = NAN;
  EXPECT_THAT(error_of(stage), HasSubstr("block0.conv0: bias[2]: found nan"));
  stage = good;
  stage.stddev[1] = 0;
  EXPECT_THAT(error_of(stage), HasSubstr("stddev: found 0"));
  stage = good;
  stage.head_bias.clear();
  EXPECT_THAT(error_of(stage), HasSubstr("head bias: found 0 values, expected 3"));
  stage = good;
  stage.features_block = 2;
  EXPECT_THAT(error_of(stage), HasSubstr("features_block: found 2, expected a block in [0, 2)"));
  stage = good;
  stage.features_block = 1;
  EXPECT_THAT(error_of(stage), HasSubstr("the router reads 4 features, the stage gives 6"));
  stage = good;
  stage.exit->router.reset();
  EXPECT_THAT(error_of(stage), HasSubstr("has no router"));
  stage = good;
  stage.last_block = 3;
  EXPECT_THAT(error_of(stage), HasSubstr("found blocks [0, 3), expected a part of [0, 2)"));
}

}  // namespace
}  // namespace triage::exporting
