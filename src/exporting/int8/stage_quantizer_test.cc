#include "exporting/int8/stage_quantizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "exporting/onnx_engine.h"
#include "exporting/test_models.h"

namespace triage::exporting {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::size_t kImages = 10;

struct Net {  // cut behind its second block
  StageModel early, late;
  std::vector<float> images;

  Net() {
    early = testing::random_stage("net", "5-6-7", {3, 16, 12}, 4, 31);
    early.exit.reset();
    early.features_block = -1;
    late = early;
    early.last_block = 2;
    early.carry_block = 1;
    early.convs.resize(2);
    early.head_weight.resize(std::size_t{4} * 6);
    late.first_block = 2;
    late.convs.erase(late.convs.begin(), late.convs.begin() + 2);
    images = testing::random_images(early.input, kImages, 32);
  }
};

// The same as putting the second stage into int8 on what the first one's file hands over, all images at once.
TEST(StageQuantizer, ALaterStageReadsWhatTheEarlierOneHandsOver) {
  const Net net;
  StageQuantizer quantizer(net.images, kImages, {.batch = 3});
  const auto early = quantizer.quantize(net.early, 0, std::nullopt, {});
  const auto late = quantizer.quantize(net.late, 1, 0, {});
  EXPECT_EQ(early.model.int8->maps, quantize_stage(net.early, net.images, kImages, {.batch = 3}).int8->maps);
  EXPECT_EQ(late.options.input, early.model.int8->maps.back());
  EXPECT_EQ(late.model.int8->maps.front(), early.model.int8->maps.back());
  const std::vector<float> handed =
      onnx_engine("early", stage_to_onnx(early.model)).run(net.images, static_cast<int>(kImages)).at("carry");
  ASSERT_EQ(late.input.size(), handed.size());
  for (std::size_t i = 0; i < handed.size(); ++i) EXPECT_NEAR(late.input[i], handed[i], 1e-5);
  const StageModel expected =
      quantize_stage(net.late, late.input, kImages, {.input = early.model.int8->maps.back(), .batch = 3});
  EXPECT_EQ(late.model.int8->maps, expected.int8->maps);
  EXPECT_EQ(late.model.int8->convs, expected.int8->convs);
}

// Layers of the whole net are named; a map between two layers in fp32 is not rounded, so that it has no grid to share.
TEST(StageQuantizer, LayersStayInFp32InTheirStage) {
  const Net net;
  const std::vector<std::string> fp32{"block1.conv0", "block2.conv0"};
  StageQuantizer quantizer(net.images, kImages, {});
  const auto early = quantizer.quantize(net.early, 0, std::nullopt, fp32);
  const auto late = quantizer.quantize(net.late, 1, 0, fp32);
  EXPECT_THAT(early.options.fp32, ElementsAre("block1.conv0"));
  EXPECT_THAT(late.options.fp32, ElementsAre("block2.conv0"));
  EXPECT_TRUE(early.model.int8->convs[0]);
  EXPECT_FALSE(early.model.int8->convs[1]);
  EXPECT_FALSE(late.model.int8->convs[0]);
  EXPECT_FALSE(early.model.int8->rounds(2));
  EXPECT_FALSE(late.options.input);
  EXPECT_THAT(StageQuantizer(net.images, kImages, {.fp32 = fp32}).quantize(net.early, 0, std::nullopt, {}).options.fp32,
              IsEmpty());
}

TEST(StageQuantizer, AStageWithoutItsSourceIsRefused) {
  const Net net;
  StageQuantizer quantizer(net.images, kImages, {});
  EXPECT_EQ(error_of([&] { quantizer.quantize(net.late, 1, 0, {}); }),
            "stage 'net': expected that stage 0, from which it goes on, hands over a map in int8");
}

}  // namespace
}  // namespace triage::exporting
