#include "preprocess/preprocessor.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/rng.h"
#include "core/test_support.h"

namespace triage::preprocess {
namespace {

struct Picture {
  int height, width, channels;
  std::vector<std::uint8_t> pixels;
  ImageView view() const { return {pixels.data(), height, width, channels}; }
  std::uint8_t at(int y, int x, int c) const {
    return pixels[(static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) *
                      static_cast<std::size_t>(channels) +
                  static_cast<std::size_t>(c)];
  }
};

Picture noise(int height, int width, int channels, std::uint64_t seed = 1) {
  Picture picture{height, width, channels,
                  std::vector<std::uint8_t>(static_cast<std::size_t>(height * width * channels))};
  Rng rng(seed);
  for (std::uint8_t& pixel : picture.pixels) pixel = static_cast<std::uint8_t>(rng.below(256));
  return picture;
}

// Pixels as they are: no resize, 0 to 255.
Preprocess plain(int height, int width, int channels = 3) {
  return {.height = height,
          .width = width,
          .channels = channels,
          .scale = 1,
          .mean = std::vector<double>(static_cast<std::size_t>(channels), 0.0),
          .stddev = std::vector<double>(static_cast<std::size_t>(channels), 1.0)};
}

std::vector<float> run(const Preprocess& spec, const Picture& picture) {
  const Preprocessor preprocessor(spec);
  std::vector<float> output(preprocessor.elements(), -1000.0f);
  Scratch scratch;
  preprocessor.check(picture.view());
  preprocessor.run(picture.view(), output.data(), scratch);
  return output;
}

TEST(Preprocessor, CutsTheMiddleOut) {
  const Picture picture = noise(9, 12, 3);
  const std::vector<float> output = run(plain(4, 6), picture);
  std::size_t i = 0;
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < 4; ++y)
      for (int x = 0; x < 6; ++x) ASSERT_EQ(output[i++], picture.at(y + 2, x + 3, c));  // round(2.5) = 2
}

TEST(Preprocessor, SmallerImagesStandInBlack) {
  const Picture picture = noise(2, 3, 3);
  Preprocess spec = plain(5, 4);
  spec.mean = {10, 20, 30};
  const std::vector<float> output = run(spec, picture);
  std::size_t i = 0;
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < 5; ++y) {
      for (int x = 0; x < 4; ++x) {
        const bool inside = y >= 1 && y < 3 && x < 3;
        ASSERT_EQ(output[i++], (inside ? picture.at(y - 1, x, c) : 0) - 10.0f * static_cast<float>(c + 1));
      }
    }
  }
}

// mean and stddev in the order of the output.
TEST(Preprocessor, OrdersAndLaysOutChannels) {
  const Picture picture = noise(3, 5, 3);
  Preprocess spec = plain(3, 5);
  spec.order = ChannelOrder::bgr;
  spec.layout = Layout::nhwc;
  spec.mean = {100, 50, 0};
  spec.stddev = {4, 2, 1};
  const std::vector<float> output = run(spec, picture);
  std::size_t i = 0;
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 5; ++x) {
      EXPECT_EQ(output[i++], (picture.at(y, x, 2) - 100.0f) / 4);
      EXPECT_EQ(output[i++], (picture.at(y, x, 1) - 50.0f) / 2);
      EXPECT_EQ(output[i++], picture.at(y, x, 0));
    }
  }
}

TEST(Preprocessor, GreyBecomesColourAndColourGrey) {
  const Picture grey = noise(4, 4, 1), colour = noise(4, 4, 3);
  const std::vector<float> repeated = run(plain(4, 4), grey);
  const std::vector<float> mixed = run(plain(4, 4, 1), colour);
  for (int i = 0; i < 16; ++i) {
    for (int c = 0; c < 3; ++c)
      EXPECT_EQ(repeated[static_cast<std::size_t>(c * 16 + i)], grey.pixels[static_cast<std::size_t>(i)]);
    // Rec. 601; Pillow's coefficients are these in 16 bits.
    const std::uint8_t* pixel = colour.pixels.data() + 3 * i;
    EXPECT_NEAR(mixed[static_cast<std::size_t>(i)], 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2], 0.501);
  }
  const std::vector<float> four = run(plain(4, 4, 4), noise(4, 4, 4));
  EXPECT_EQ(four[16], noise(4, 4, 4).pixels[1]);
}

TEST(Preprocessor, ConstantImagesStayConstant) {
  for (const auto mode : {ResizeMode::shorter, ResizeMode::exact}) {
    for (const auto resampler : {Resampler::pillow, Resampler::opencv}) {
      for (const auto interpolation :
           {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic, Interpolation::area}) {
        for (const int side : {5, 23, 64}) {
          for (const int value : {0, 77, 255}) {
            Preprocess spec = plain(20, 21);
            spec.resize = {mode, 22, 24, interpolation, resampler};
            Picture picture = noise(side, 40, 3);
            std::ranges::fill(picture.pixels, static_cast<std::uint8_t>(value));
            EXPECT_EQ(std::ranges::count(run(spec, picture), static_cast<float>(value)), 20 * 21 * 3);
          }
        }
      }
    }
  }
}

// A resize to the size that the image has changes nothing, whatever the filter.
TEST(Preprocessor, TheSameSizeIsTheSameImage) {
  const Picture picture = noise(17, 30, 3);
  for (const auto resampler : {Resampler::pillow, Resampler::opencv}) {
    for (const auto interpolation :
         {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic, Interpolation::area}) {
      Preprocess spec = plain(17, 30);
      spec.resize = {ResizeMode::exact, 17, 30, interpolation, resampler};
      EXPECT_EQ(run(spec, picture), run(plain(17, 30), picture));
    }
  }
}

// The crop computes only what it keeps: the same pixels as those in the middle of the whole.
TEST(Preprocessor, ACropIsTheMiddleOfTheWhole) {
  const Picture picture = noise(50, 75, 3);
  for (const auto resampler : {Resampler::pillow, Resampler::opencv}) {
    for (const auto interpolation :
         {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic, Interpolation::area}) {
      Preprocess spec = plain(40, 60);
      spec.resize = {ResizeMode::shorter, 40, 0, interpolation, resampler};
      const std::vector<float> whole = run(spec, picture);
      spec.height = 20, spec.width = 24;
      const std::vector<float> crop = run(spec, picture);
      for (int c = 0; c < 3; ++c)
        for (int y = 0; y < 20; ++y)
          for (int x = 0; x < 24; ++x)
            ASSERT_EQ(crop[static_cast<std::size_t>((c * 20 + y) * 24 + x)],
                      whole[static_cast<std::size_t>((c * 40 + y + 10) * 60 + x + 18)]);
    }
  }
}

// runtime::to_input, by its definition.
TEST(Preprocessor, NothingButTheScaleIsToInput) {
  Picture picture = noise(16, 16, 3);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<std::uint8_t>(i / 3);
  Preprocess spec = plain(16, 16);
  spec.scale = 1.0 / 255;
  const std::vector<float> output = run(spec, picture);
  for (int i = 0; i < 3 * 256; ++i)
    ASSERT_EQ(output[static_cast<std::size_t>(i)], static_cast<float>(i % 256) * (1.0f / 255));
}

// The figures that PyTorch's ToTensor and Normalize give, to single precision.
TEST(Preprocessor, NormalisesAsPyTorch) {
  Preprocess spec = plain(16, 16);
  spec.scale = 1.0 / 255;
  spec.mean = {0.485, 0.456, 0.406};
  spec.stddev = {0.229, 0.224, 0.225};
  const Picture picture = noise(16, 16, 3);
  const std::vector<float> output = run(spec, picture);
  for (int c = 0; c < 3; ++c)
    for (int i = 0; i < 256; ++i)
      ASSERT_NEAR(output[static_cast<std::size_t>(c * 256 + i)],
                  (picture.at(i / 16, i % 16, c) / 255.0 - spec.mean[static_cast<std::size_t>(c)]) /
                      spec.stddev[static_cast<std::size_t>(c)],
                  5e-7);
}

// One scratch for several specs and sizes, in any order.
TEST(Preprocessor, AScratchServesAll) {
  Scratch scratch;
  for (int round = 0; round < 3; ++round) {
    for (int side = 10; side < 60; side += 3) {
      for (const auto interpolation : {Interpolation::bilinear, Interpolation::bicubic}) {
        Preprocess spec = plain(16, 16);
        spec.resize = {ResizeMode::shorter, 18, 0, interpolation, side % 2 ? Resampler::pillow : Resampler::opencv};
        const Picture picture = noise(side, 31, side % 3 ? 3 : 1);
        std::vector<float> output(spec.elements());
        Preprocessor(spec).run(picture.view(), output.data(), scratch);
        ASSERT_EQ(output, run(spec, picture));
      }
    }
  }
}

TEST(Preprocessor, RefusesChannelsThatItCannotMake) {
  EXPECT_EQ(error_of([] { Preprocessor(plain(4, 4)).check(noise(4, 4, 2).view()); }),
            "image: found 2 channels, expected 1 or 3");
  EXPECT_EQ(error_of([] { Preprocessor(plain(4, 4, 5)).check(noise(4, 4, 3).view()); }),
            "image: found 3 channels, expected 5");
}

}  // namespace
}  // namespace triage::preprocess
