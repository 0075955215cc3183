#include "preprocess/axis.h"

#include <gtest/gtest.h>

#include <numeric>

#include "core/test_support.h"

namespace triage::preprocess {
namespace {

// Expected values: torchvision.transforms.functional.center_crop, whose round() is Python's, half to even.
TEST(AxisWindow, IsTheMiddleAsTorchvisionTakesIt) {
  const auto first = [](int in, int output) { return centre_window(in, in, output).first; };
  EXPECT_EQ(first(10, 4), 3);
  EXPECT_EQ(first(5, 4), 0);  // round(0.5)
  EXPECT_EQ(first(7, 4), 2);  // round(1.5)
  EXPECT_EQ(first(9, 4), 2);  // round(2.5)
  EXPECT_EQ(first(213, 160), 26);
  const AxisWindow black = centre_window(5, 5, 8);
  EXPECT_EQ(black.before, 1);
  EXPECT_EQ(black.count, 5);
  EXPECT_EQ(black.first, 0);
}

// int(size * long / short) of torchvision's Resize.
TEST(AxisWindow, TheLongerSideIsRoundedDown) {
  const Preprocess spec{.resize = {.mode = ResizeMode::shorter, .height = 146}, .height = 128, .width = 128};
  const Windows wide = windows(spec, 160, 213), tall = windows(spec, 213, 160);
  EXPECT_EQ(wide.rows.resized, 146);
  EXPECT_EQ(wide.columns.resized, 194);  // 194.36
  EXPECT_EQ(tall.rows.resized, 194);
  EXPECT_EQ(tall.columns.resized, 146);
  EXPECT_EQ(wide.columns.first, 33);
}

TEST(AxisWindow, RefusesSizesThatNoImageHas) {
  const Preprocess spec{.height = 8, .width = 8};
  EXPECT_EQ(error_of([&] { windows(spec, 0, 5); }),
            "image: found 0x5 (height x width), expected 1 to 65535 pixels a side");
  EXPECT_EQ(error_of([&] { windows(spec, 5, 65'536); }),
            "image: found 5x65536 (height x width), expected 1 to 65535 pixels a side");
}

// Each output pixel is a mean: its weights add up to 1, and only pixels of the image have one.
TEST(AxisTable, WeightsAddUpToOneAndStayInTheImage) {
  for (const auto resampler : {Resampler::pillow, Resampler::opencv}) {
    for (const auto interpolation :
         {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic, Interpolation::area}) {
      for (const auto& [in, resized] : {std::pair{1, 1}, {1, 9}, {2, 3}, {7, 7}, {160, 128}, {500, 3}, {33, 99}}) {
        AxisTable table;
        fill_table({.window = centre_window(in, resized, resized),
                    .interpolation = interpolation,
                    .resampler = resampler,
                    .shrinks = resized <= in},
                   table);
        ASSERT_EQ(table.first.size(), static_cast<std::size_t>(resized));
        ASSERT_EQ(table.weights.size(), table.first.size() * static_cast<std::size_t>(table.taps));
        for (int i = 0; i < resized; ++i) {
          const auto weights = table.weights.begin() + static_cast<std::ptrdiff_t>(i) * table.taps;
          ASSERT_GE(table.first[i], 0);
          ASSERT_LE(table.first[i] + table.taps, in);
          EXPECT_NEAR(std::accumulate(weights, weights + table.taps, 0), 1 << kWeightBits, table.taps);
        }
      }
    }
  }
}

}  // namespace
}  // namespace triage::preprocess
