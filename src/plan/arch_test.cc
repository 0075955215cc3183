#include "plan/arch.h"

#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::plan {
namespace {

TEST(ArchSpec, TextAndBack) {
  const ArchSpec arch = ArchSpec::parse("24-64,64-192,192-256,256");
  EXPECT_EQ(arch.blocks, (std::vector<std::vector<int>>{{24}, {64, 64}, {192, 192}, {256, 256}}));
  EXPECT_EQ(arch.text(), "24-64,64-192,192-256,256");
  EXPECT_EQ(arch.head_width(), 256);
  EXPECT_EQ(ArchSpec::parse("8").text(), "8");
}

TEST(ArchSpec, BadTextsNameTheOffendingPart) {
  EXPECT_EQ(error_of([] { ArchSpec::parse("24-64,x4"); }),
            "architecture '24-64,x4': expected a width from 1 to 4096, found 'x4'");
  for (const char* text : {"", "-", "24-", "24,", ",24", "24--8", "0", "-8", "+8", "4097", "8 ", " 8", "8.0", "0x8",
                           "99999999999999999999", "8;8"}) {
    EXPECT_THROW(ArchSpec::parse(text), Error) << text;
  }
  std::string deep = "1";
  for (int i = 1; i < 256; ++i) deep += ",1";
  EXPECT_EQ(ArchSpec::parse(deep).blocks[0].size(), 256u);
  EXPECT_EQ(error_of([&] { ArchSpec::parse(deep + ",1"); }).substr(0, 14), "architecture '");
}

TEST(ConvLayers, PoolsBehindTheFirstConvolutionOfALaterBlock) {
  const auto layers = conv_layers(ArchSpec::parse("24-64,32-16"), {.channels = 1, .height = 28, .width = 20});
  ASSERT_EQ(layers.size(), 4u);
  EXPECT_EQ(layers[0].in_channels, 1);
  EXPECT_FALSE(layers[0].pool);
  EXPECT_EQ(layers[1].name(), "block1.conv0");
  EXPECT_TRUE(layers[1].pool);
  EXPECT_EQ(layers[1].height, 28);  // the convolution still works at the old resolution
  EXPECT_EQ(layers[2].height, 14);
  EXPECT_EQ(layers[2].width, 10);
  EXPECT_FALSE(layers[2].pool);
  EXPECT_EQ(layers[3].in_channels, 32);
  EXPECT_EQ(layers[3].out_channels, 16);
  EXPECT_EQ(layers[3].height, 14);
}

TEST(ConvLayers, OddMapsLoseTheirLastRowAndTinyOnesAreRefused) {
  const InputShape seven{.channels = 3, .height = 7, .width = 7};
  EXPECT_EQ(conv_layers(ArchSpec::parse("4-4,4-4,4"), seven).back().height, 1);  // 7 -> 3 -> 1
  EXPECT_EQ(
      error_of([&] { conv_layers(ArchSpec::parse("4-4-4-4"), seven); }),
      "architecture '4-4-4-4': block 3 would pool a map of 1x1: expected fewer blocks or a larger image than 7x7");
  EXPECT_THROW(conv_layers(ArchSpec{}, seven), Error);
  EXPECT_THROW(conv_layers(ArchSpec{{{4}, {}}}, seven), Error);
  EXPECT_THROW(conv_layers(ArchSpec{{{-4}}}, seven), Error);
  EXPECT_THROW(conv_layers(ArchSpec::parse("4"), {.channels = 3, .height = 0, .width = 7}), Error);
}

// By hand, in out taps pixels (each block's first convolution works before its pool):
//   24            3 *  24 * 9 * 1024 =    663,552
//   64, 64       24 *  64 * 9 * 1024 = 14,155,776    64 *  64 * 9 * 256 =  9,437,184
//   192, 192     64 * 192 * 9 *  256 = 28,311,552   192 * 192 * 9 *  64 = 21,233,664
//   256, 256    192 * 256 * 9 *   64 = 28,311,552   256 * 256 * 9 *  16 =  9,437,184
//   head        256 * 10             =      2,560
//   sum                                111,553,024: the 111.5 MMAC net of the design
// Parameters: 9 * (72 + 1,536 + 4,096 + 12,288 + 36,864 + 49,152 + 65,536) = 1,525,896 weights,
// 24 + 64 + 64 + 192 + 192 + 256 + 256 = 1,048 shifts, 257 * 10 = 2,570 in the head.
TEST(ArchCost, TheReferenceNetByHand) {
  const ArchCost cost = arch_cost(ArchSpec::parse("24-64,64-192,192-256,256"), {}, 10);
  EXPECT_EQ(cost.macs, 111'553'024);
  EXPECT_EQ(cost.parameters, 1'529'514);
  EXPECT_EQ(cost.peak_activation_elements, (24 + 64) * 32 * 32);
}

// 1 * 2 * 9 * 16 + 2 * 3 * 9 * 16 + 3 * 4 * 9 * 4 + 4 * 5 = 288 + 864 + 432 + 20;
// weights 18 + 54 + 108, shifts 2 + 3 + 4, head 4 * 5 + 5; the largest convolution holds (2 + 3) * 16 elements.
TEST(ArchCost, ASmallNetByHand) {
  const ArchCost cost = arch_cost(ArchSpec::parse("2-3,4"), {.channels = 1, .height = 4, .width = 4}, 5);
  EXPECT_EQ(cost.macs, 1604);
  EXPECT_EQ(cost.parameters, 214);
  EXPECT_EQ(cost.peak_activation_elements, 80);
  EXPECT_THROW(arch_cost(ArchSpec::parse("2"), {}, 0), Error);
}

TEST(InputShape, SurvivesJsonAndIsChecked) {
  const InputShape shape{.channels = 1, .height = 28, .width = 20};
  const Json json = to_json(shape);
  EXPECT_EQ(input_shape_from_json({json, "x"}), shape);
  const Json bad = {{"channels", 1}, {"height", 0}, {"width", 20}};
  EXPECT_EQ(error_of([&] { input_shape_from_json({bad, "x"}); }),
            "x: height: expected a number from 1 to 4096, or 0 for both sides, found 0");
}

}  // namespace
}  // namespace triage::plan
