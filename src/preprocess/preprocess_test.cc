#include "preprocess/preprocess.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/test_support.h"

namespace triage::preprocess {
namespace {

Preprocess photograph() {
  return {.resize = {.mode = ResizeMode::shorter, .height = 256, .interpolation = Interpolation::bicubic},
          .height = 224,
          .width = 240,
          .order = ChannelOrder::bgr,
          .layout = Layout::nhwc,
          .scale = 1.0 / 255,
          .mean = {0.485, 0.456, 0.406},
          .stddev = {0.229, 0.224, 0.225}};
}

Preprocess read(const Json& json) { return preprocess_from_json(JsonReader(json, "p")); }

std::string refusal(Json json) {
  return error_of([&] { read(json); });
}

TEST(PreprocessJson, SurvivesToTheLastBit) {
  Preprocess spec = photograph();
  EXPECT_EQ(read(parse_json(to_json(spec).dump(), "p")), spec);
  spec.resize = {.mode = ResizeMode::exact,
                 .height = 17,
                 .width = 4096,
                 .interpolation = Interpolation::area,
                 .resampler = Resampler::opencv};
  EXPECT_EQ(read(parse_json(to_json(spec).dump(), "p")), spec);
  spec = {.height = 28, .width = 28, .channels = 1, .mean = {0}, .stddev = {1}};
  EXPECT_EQ(read(parse_json(to_json(spec).dump(), "p")), spec);
}

TEST(PreprocessJson, NamesWhatIsWrong) {
  Json json = to_json(photograph());
  json["resize"]["mode"] = "longer";
  EXPECT_EQ(refusal(json), "p: resize.mode: expected one of none, shorter, exact, found \"longer\"");
  json = to_json(photograph());
  json["height"] = 4097;
  EXPECT_EQ(refusal(json), "p: height: expected a number from 1 to 4096, found 4097");
  json = to_json(photograph());
  json["mean"] = {0.5};
  EXPECT_EQ(refusal(json), "p: mean: expected 3 numbers, one for each channel, found a list of 1 elements");
  json = to_json(photograph());
  json["stddev"][1] = 0;
  EXPECT_EQ(refusal(json), "p: stddev[1]: expected a number from 1e-09 to 1e+09, found 0");
  json = to_json(photograph());
  json["scale"] = -1;
  EXPECT_EQ(refusal(json), "p: scale: expected a number from 1e-09 to 1e+09, found -1");
  json = to_json(photograph());
  json["channels"] = 4;
  EXPECT_EQ(refusal(json), "p: order: expected rgb where there are not 3 channels, found \"bgr\"");
}

}  // namespace
}  // namespace triage::preprocess
