#include "data/pixel_ops.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>
#include <set>
#include <tuple>

#include "core/test_support.h"
#include "data/augment.h"
#include "data/data_test_support.h"

namespace triage::data {
namespace {

using testing::ElementsAre;

const Normalization kGrey{{0.4f}, {0.2f}}, kColour{{0.4f, 0.5f, 0.6f}, {0.2f, 0.2f, 0.2f}};

DatasetInfo info_of(int height, int width, int channels) {
  DatasetInfo info;
  info.name = "images";
  info.height = height;
  info.width = width;
  info.channels = channels;
  return info;
}

// A row of grey pixels after one operation.
std::vector<int> after(const std::vector<std::uint8_t>& row, ColorOp op, std::int32_t level) {
  AugmentOptions options;
  options.trivial_augment = 1;
  const PixelOps ops(info_of(1, static_cast<int>(row.size()), 1), kGrey, options);
  Draw draw;
  draw.op = op;
  draw.level = level;
  std::vector<std::uint8_t> storage;
  const std::uint8_t* const out = ops(row.data(), draw, storage);
  return {out, out + row.size()};
}

// Expected: PIL's formulas by hand.
TEST(PixelOps, ColourOperationsAreThoseOfPil) {
  EXPECT_THAT(after({0, 100, 200}, ColorOp::brightness, kOne * 3 / 2), ElementsAre(0, 150, 255));
  EXPECT_THAT(after({0, 100, 200}, ColorOp::contrast, kOne / 2), ElementsAre(50, 100, 150));  // the mean is 100
  EXPECT_THAT(after({0, 100, 200}, ColorOp::contrast, kOne * 2), ElementsAre(0, 100, 255));
  EXPECT_THAT(after({7, 100, 200}, ColorOp::saturation, 0), ElementsAre(7, 100, 200));  // grey has none
  EXPECT_THAT(after({7, 100, 255}, ColorOp::posterize, 0xc0), ElementsAre(0, 64, 192));
  EXPECT_THAT(after({7, 100, 200}, ColorOp::solarize, 100), ElementsAre(7, 155, 55));
  EXPECT_THAT(after({50, 100, 150}, ColorOp::autocontrast, 0), ElementsAre(0, 128, 255));
  EXPECT_THAT(after({9, 9, 9}, ColorOp::autocontrast, 0), ElementsAre(9, 9, 9));
  EXPECT_THAT(after({3, 7, 9}, ColorOp::none, 0), ElementsAre(3, 7, 9));
}

// 255 pixels of value 10 and as many of 20, one of 30: (511 - 1) / 255 = 2 a step; 10 -> 1 / 2, 20 -> 256 / 2,
// 30 -> 511 / 2 by PIL's table.
TEST(PixelOps, EqualizeIsThatOfPil) {
  std::vector<std::uint8_t> row(255, 10);
  row.resize(510, 20);
  row.push_back(30);
  const std::vector<int> out = after(row, ColorOp::equalize, 0);
  EXPECT_EQ(out.front(), 0);
  EXPECT_EQ(out[255], 128);
  EXPECT_EQ(out.back(), 255);
}

// In the middle of 3x3: (4 * 10 + 10 + 8 * 100 + 6) / 13 = 65; factor 0 shows it, factor 2 twice the way from it.
TEST(PixelOps, SharpnessLeavesTheBorder) {
  std::vector<std::uint8_t> image(9, 100);
  image[4] = 10;
  AugmentOptions options;
  options.trivial_augment = 1;
  const PixelOps ops(info_of(3, 3, 1), kGrey, options);
  Draw draw;
  draw.op = ColorOp::sharpness;
  std::vector<std::uint8_t> storage;
  EXPECT_EQ(ops(image.data(), draw, storage)[4], 65);
  draw.level = 2 * kOne;
  EXPECT_EQ(ops(image.data(), draw, storage)[4], 0);  // 2 * 10 - 65 is below
  EXPECT_EQ(storage[0], 100);
}

TEST(PixelOps, SaturationBlendsWithTheGreyOfAPixel) {
  const std::vector<std::uint8_t> image = {200, 100, 0};
  AugmentOptions options;
  options.saturation = 0.5;
  const PixelOps ops(info_of(1, 1, 3), kColour, options);
  Draw draw;
  draw.saturation = 0;
  std::vector<std::uint8_t> storage;
  ops(image.data(), draw, storage);  // 0.299 * 200 + 0.587 * 100 = 118.5
  EXPECT_THAT(storage, testing::Each(testing::AnyOf(118, 119)));
}

// Against the definition in doubles: bilinear, the mean beyond the image.
TEST(PixelOps, AWarpIsBilinear) {
  constexpr int kHeight = 7, kWidth = 9;
  std::vector<std::uint8_t> image(kHeight * kWidth);
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i * 37 % 256);
  AugmentOptions options;
  options.trivial_augment = 1;
  const PixelOps ops(info_of(kHeight, kWidth, 1), kGrey, options);
  Draw draw;
  draw.warp = {kOne * 9 / 10, kOne / 5, -kOne / 3, -kOne / 7, kOne * 4 / 5, kOne * 5 / 4};
  std::vector<std::uint8_t> storage;
  const std::uint8_t* const out = ops(image.data(), draw, storage);
  const auto value = [&](int y, int x) {
    return static_cast<double>(image[std::clamp(y, 0, kHeight - 1) * kWidth + std::clamp(x, 0, kWidth - 1)]);
  };
  int outside = 0;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const double row = (draw.warp.yy * y + draw.warp.yx * x + draw.warp.y0) / double{kOne};
      const double column = (draw.warp.xy * y + draw.warp.xx * x + draw.warp.x0) / double{kOne};
      if (row < -0.5 || row >= kHeight - 0.5 || column < -0.5 || column >= kWidth - 0.5) {
        ++outside;
        EXPECT_EQ(out[y * kWidth + x], 102);  // 255 * 0.4
        continue;
      }
      const int top = static_cast<int>(std::floor(row)), left = static_cast<int>(std::floor(column));
      const double down = row - top, right = column - left;
      const double expected = (1 - down) * ((1 - right) * value(top, left) + right * value(top, left + 1)) +
                              down * ((1 - right) * value(top + 1, left) + right * value(top + 1, left + 1));
      EXPECT_NEAR(out[y * kWidth + x], expected, 3) << y << ' ' << x;  // 1 / 256 of each position, of 255
    }
  }
  EXPECT_GT(outside, 0);
}

TEST(PixelOps, ImagesTooLargeForItsPositionsAreRefused) {
  AugmentOptions options;
  PixelOps(info_of(5000, 8, 3), kColour, options);
  options.crop_area = 0.5;
  EXPECT_THAT(error_of([&] { PixelOps(info_of(5000, 8, 3), kColour, options); }),
              testing::HasSubstr("images: augmentation of images of 5000x8, expected sides up to 4096"));
}

AugmentOptions everything() {
  AugmentOptions options;
  options.cutout = 2;
  options.crop_area = 0.3;
  options.trivial_augment = 0.8;
  options.brightness = options.contrast = options.saturation = 0.4;
  options.erase = 0.5;
  options.mixup = 0.4;
  options.cutmix = 1;
  return options;
}

TEST(Draws, ShiftFlipAndCutoutAreAsWithoutTheRest) {
  AugmentOptions plain;
  plain.cutout = 2;
  for (std::uint32_t i = 0; i < 200; ++i) {
    const Draw a = make_draw(plain, 12, 10, 3, 5, i), b = make_draw(everything(), 12, 10, 3, 5, i);
    EXPECT_EQ(std::tie(a.shift_y, a.shift_x, a.flip, a.cut_y, a.cut_x),
              std::tie(b.shift_y, b.shift_x, b.flip, b.cut_y, b.cut_x));
    EXPECT_EQ(a.warp, Warp{});
  }
}

TEST(Draws, StayInsideTheirRanges) {
  const AugmentOptions options = everything();
  std::set<ColorOp> ops;
  int warped = 0, erased = 0, pasted = 0;
  double share = 0;
  constexpr int kDraws = 4000;
  for (std::uint32_t i = 0; i < kDraws; ++i) {
    Draw draw = make_draw(options, 12, 10, 1, 2, i);
    mix_draw(draw, options, 12, 10, 1, 2, i);
    ops.insert(draw.op);
    warped += draw.warp != Warp{};
    for (const std::int32_t factor : {draw.brightness, draw.contrast, draw.saturation}) {
      EXPECT_GE(factor, std::lround(0.6 * kOne));
      EXPECT_LE(factor, std::lround(1.4 * kOne));
    }
    for (const Box& box : {draw.erased, draw.pasted}) {
      EXPECT_GE(box.top, 0);
      EXPECT_GE(box.left, 0);
      EXPECT_LE(box.top + box.height, 12);
      EXPECT_LE(box.left + box.width, 10);
      EXPECT_EQ(box.height == 0, box.width == 0);
    }
    erased += draw.erased.height > 0;
    pasted += draw.pasted.height > 0;
    EXPECT_GE(draw.share, 0);
    EXPECT_LE(draw.share, kOne);
    if (draw.pasted.height > 0) {
      EXPECT_EQ(draw.share, std::lround(kOne * (1 - draw.pasted.height * draw.pasted.width / 120.0)));
    } else {
      share += draw.share;
    }
  }
  EXPECT_EQ(ops.size(), 9u);  // all of them
  EXPECT_GT(warped, kDraws * 9 / 10);
  EXPECT_NEAR(erased, kDraws / 2, 160);                      // 5 standard deviations; rectangles that fit are found
  EXPECT_NEAR(pasted, kDraws / 2, 250);                      // some are empty
  EXPECT_NEAR(share / kOne / (kDraws - pasted), 0.5, 0.06);  // Beta(a, a) has mean 1/2, and empty boxes are whole
}

TEST(Draws, MixedEpochsEnd) {
  LoaderOptions options;
  options.augment.mixup = 1;
  options.mixed_epochs = 3;
  EXPECT_TRUE(epoch_mixes(options, 2));
  EXPECT_FALSE(epoch_mixes(options, 3));
  options.augment.mixup = 0;
  EXPECT_FALSE(epoch_mixes(options, 0));
}

TEST(MixPixels, BlendsOrPastes) {
  const std::vector<std::uint8_t> x = {0, 100, 200, 255}, y = {100, 100, 0, 255};
  std::vector<std::uint8_t> out(4);
  Draw draw;
  draw.share = kOne / 4;
  mix_pixels(x.data(), y.data(), draw, 2, 2, 1, out.data());
  EXPECT_THAT(out, ElementsAre(75, 100, 50, 255));
  draw.pasted = {1, 0, 1, 1};
  mix_pixels(x.data(), y.data(), draw, 2, 2, 1, out.data());
  EXPECT_THAT(out, ElementsAre(0, 100, 0, 255));
}

}  // namespace
}  // namespace triage::data
