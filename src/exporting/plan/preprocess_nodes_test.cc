#include "exporting/plan/preprocess_nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <format>

#include "core/rng.h"
#include "core/test_support.h"
#include "exporting/onnx_engine.h"
#include "preprocess/preprocessor.h"

namespace triage::exporting {
namespace {

using preprocess::ChannelOrder;
using preprocess::Interpolation;
using preprocess::Layout;
using preprocess::Preprocess;
using preprocess::Resampler;
using preprocess::ResizeMode;

struct Photo {
  int height = 0, width = 0, channels = 3;
  std::vector<std::uint8_t> pixels;
  ImageView view() const { return {pixels.data(), height, width, channels}; }
};

// Half noise, half a wave: sharp edges and soft ones.
Photo random_photo(int height, int width, int channels, std::uint64_t seed) {
  Rng rng(seed);
  Photo photo{height, width, channels, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double wave = 127 + 120 * std::sin(0.1 * x + 0.07 * y);
      for (int c = 0; c < channels; ++c)
        photo.pixels.push_back(static_cast<std::uint8_t>((x / 8 + y / 8) % 2 == 0 ? rng.uniform() * 255.99 : wave));
    }
  }
  return photo;
}

ImageEngine model_of(const Preprocess& spec, int channels, int opset = kOpset) {
  onnx::ModelProto model = new_model("test", opset);
  onnx::GraphProto& graph = *model.mutable_graph();
  GraphBuilder builder(graph, "stage/", opset);
  *graph.add_input() = value_info("image", onnx::TensorProto::UINT8, {{0, "H"}, {0, "W"}, {channels, {}}});
  GraphBuilder(graph).node("Identity", {add_preprocess(builder, spec, "image", channels)}, "pixels");
  const bool planes = spec.layout == Layout::nchw;
  *graph.add_output() =
      planes ? value_info("pixels", kFloat, {{1, {}}, {spec.channels, {}}, {spec.height, {}}, {spec.width, {}}})
             : value_info("pixels", kFloat, {{1, {}}, {spec.height, {}}, {spec.width, {}}, {spec.channels, {}}});
  check_model(model, "test");
  return onnx_image_engine("test", model);
}

Preprocess plain(int height, int width, int channels = 3) {
  return {.height = height,
          .width = width,
          .channels = channels,
          .mean = std::vector<double>(static_cast<std::size_t>(channels), 0.0),
          .stddev = std::vector<double>(static_cast<std::size_t>(channels), 1.0)};
}

// How many levels of 255 the values differ from the runtime's, and how many of them do. Specs with the values of
// plain().
struct Difference {
  double largest = 0;
  std::size_t values = 0, different = 0;
};
void compare(const Preprocess& spec, const ImageEngine& engine, const Photo& photo, Difference& difference) {
  const preprocess::Preprocessor reference(spec);
  preprocess::Scratch scratch;
  std::vector<float> expected(spec.elements());
  reference.run(photo.view(), expected.data(), scratch);
  const auto found = engine.run(photo.view()).at("pixels");
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double off = std::abs(double(found[i]) - expected[i]) * 255;
    difference.largest = std::max(difference.largest, off);
    difference.different += found[i] != expected[i];
  }
  difference.values += found.size();
}

constexpr std::pair<int, int> kSizes[] = {{37, 53}, {53, 37}, {24, 24}, {16, 90}, {101, 64}, {7, 5},    {160, 213},
                                          {1, 1},   {20, 24}, {24, 20}, {48, 48}, {300, 23}, {417, 330}};

Difference over_sizes(const Preprocess& spec) {
  const ImageEngine engine = model_of(spec, 3);
  Difference difference;
  for (const auto& [height, width] : kSizes)
    compare(spec, engine, random_photo(height, width, 3, static_cast<std::uint64_t>(height * 1000 + width)),
            difference);
  return difference;
}

TEST(PreprocessNodesTest, PillowAndNearestBitForBitOpencvByALevelOfATie) {
  for (const Resampler resampler : {Resampler::pillow, Resampler::opencv}) {
    for (const Interpolation interpolation :
         {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic, Interpolation::area}) {
      for (const ResizeMode mode : {ResizeMode::shorter, ResizeMode::exact}) {
        SCOPED_TRACE(std::format("{} {} {}", to_string(resampler), to_string(interpolation), to_string(mode)));
        Preprocess spec = plain(20, 24);
        spec.resize = {.mode = mode, .height = 24, .interpolation = interpolation, .resampler = resampler};
        if (mode == ResizeMode::exact) spec.resize.width = 29;
        const Difference difference = over_sizes(spec);
        if (resampler == Resampler::pillow || interpolation == Interpolation::nearest) {
          EXPECT_EQ(difference.different, 0u) << difference.largest;
        } else {
          EXPECT_LT(difference.largest, 1.01);
          EXPECT_LT(static_cast<double>(difference.different) / static_cast<double>(difference.values), 1e-3);
        }
      }
    }
  }
}

TEST(PreprocessNodesTest, CropsAndBlackBordersAsTheRuntime) {
  for (const auto& [height, width] : {std::pair{24, 24}, {17, 30}, {64, 9}, {33, 33}, {1, 1}}) {
    SCOPED_TRACE(std::format("{}x{}", height, width));
    Preprocess spec = plain(height, width);
    EXPECT_EQ(over_sizes(spec).different, 0u);  // no resize
    spec.resize = {.mode = ResizeMode::shorter, .height = 16};
    EXPECT_EQ(over_sizes(spec).different, 0u);
    spec.resize = {.mode = ResizeMode::exact, .height = 19, .width = 25};
    EXPECT_EQ(over_sizes(spec).different, 0u);
  }
}

TEST(PreprocessNodesTest, ValuesOrderLayoutAndGreyAsTheRuntime) {
  for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
    for (const int channels : {1, 3}) {
      for (const int of_image : {1, 3}) {
        SCOPED_TRACE(std::format("{} {} {}", to_string(layout), channels, of_image));
        Preprocess spec = plain(18, 14, channels);
        spec.resize = {.mode = ResizeMode::shorter, .height = 20, .interpolation = Interpolation::bicubic};
        spec.layout = layout;
        if (channels == 3) spec.order = ChannelOrder::bgr;
        spec.scale = 1.0 / 127;
        for (std::size_t c = 0; c < spec.mean.size(); ++c) {
          spec.mean[c] = 0.485 - 0.1 * static_cast<double>(c);
          spec.stddev[c] = 0.229 + 0.01 * static_cast<double>(c);
        }
        Difference difference;
        compare(spec, model_of(spec, of_image), random_photo(31, 44, of_image, 7), difference);
        EXPECT_EQ(difference.different, 0u) << difference.largest;
      }
    }
  }
}

TEST(PreprocessNodesTest, AnyOperatorSetFromOursOn) {
  Preprocess spec = plain(20, 20);
  spec.resize = {.mode = ResizeMode::shorter, .height = 22};
  for (const int opset : {17, 18, 19, 21, 22}) {
    SCOPED_TRACE(opset);
    Difference difference;
    compare(spec, model_of(spec, 3, opset), random_photo(45, 31, 3, 5), difference);
    EXPECT_EQ(difference.different, 0u);
  }
}

TEST(PreprocessNodesTest, OtherChannelsAreRefused) {
  EXPECT_THAT(triage::error_of([] { model_of(plain(4, 4, 2), 3); }),
              ::testing::HasSubstr("found images of 3 channels, expected 2"));
}

}  // namespace
}  // namespace triage::exporting
