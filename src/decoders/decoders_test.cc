// Images as files through a Classifier: the answers of the pixels that other readers make of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "data/image/resize.h"
#include "engine/testing/test_models.h"
#include "plan/plan.h"
#include "triage/classifier.h"

namespace triage {
namespace {

using testing::HasSubstr;

const fs::path kImages = fs::path(TRIAGE_FIXTURES) / "images";
constexpr const char* kFiles[] = {"photo.jpg",  "grey.jpg", "rgba.png", "turned6.jpg",
                                  "lossy.webp", "p.bmp",    "cmyk.jpg"};

class DecodersTest : public testing::Test {
 protected:
  DecodersTest() {
    plan_.policy = plan::PolicyKind::confidence;
    const std::string model = engine::TestModel{.features = 6}.bytes();
    for (const char* name : {"little", "big"}) {
      plan::Stage stage{.name = name, .arch = plan::ArchSpec::parse("6"), .feature_width = 6};
      stage.onnx = stage.name + ".onnx";
      write_file_atomic(directory_.path() / stage.onnx, model);
      stage.sha256 = sha256_hex(model);
      plan_.stages.push_back(stage);
    }
    for (const char* file : kFiles) files_.push_back(read_file(kImages / file));
    for (const std::string& bytes : files_)
      encoded_.push_back({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }
  void take_any_size() {
    plan_.input.height = plan_.input.width = 0;
    plan_.stages[0].preprocess = preprocess::Preprocess{
        .resize = {.mode = preprocess::ResizeMode::shorter, .height = 6}, .height = 4, .width = 5};
    plan_.stages[0].preprocess->mean = {0.5, 0.4, 0.3};
    plan_.stages[0].preprocess->stddev = {0.2, 0.2, 0.3};
    plan_.stages[1].preprocess = plan_.stages[0].preprocess;
    plan_.stages[1].preprocess->resize = {.mode = preprocess::ResizeMode::exact, .height = 4, .width = 5};
  }
  Classifier load(ClassifierOptions options = {}) {
    plan::save_plan(directory_.path(), plan_);
    options.decoder = &image_decoder();
    options.thresholds = {-1};
    auto loaded = Classifier::load(directory_.path().string(), options);
    if (!loaded) throw Error(loaded.error().message);
    return std::move(*loaded);
  }
  // Each file alone and all at once, against images that were decoded before.
  void expect_answers_of(const std::vector<data::Image>& images) {
    const Classifier classifier = load();
    std::vector<Outcome> together(encoded_.size());
    const Status status = classifier.classify(encoded_, together);
    ASSERT_TRUE(status) << status.error().message;
    for (std::size_t i = 0; i < images.size(); ++i) {
      const data::Image& image = images[i];
      const auto pixels = classifier.classify({image.pixels.data(), image.height, image.width, image.channels});
      const auto bytes = classifier.classify(encoded_[i]);
      ASSERT_TRUE(pixels && bytes) << kFiles[i];
      for (const Outcome& outcome : {*bytes, together[i]}) {
        EXPECT_EQ(outcome.label, pixels->label) << kFiles[i];
        EXPECT_FLOAT_EQ(outcome.probability, pixels->probability) << kFiles[i];
        EXPECT_GT(outcome.microseconds, 0);
      }
    }
  }

  TempDir directory_;
  plan::Plan plan_{.name = "two", .input = {3, 4, 5}, .classes = {"ant", "bee", "cat", "dog"}};
  std::vector<std::string> files_;
  std::vector<EncodedImage> encoded_;
};

TEST_F(DecodersTest, APlanOfOneSizeAnswersAsPredictDoes) {
  plan_.fit = Fit::crop;
  std::vector<data::Image> images;
  for (const char* file : kFiles) {
    const data::Decoded decoded = data::try_load_resized(kImages / file, {.height = 4, .width = 5, .fit = Fit::crop});
    images.push_back(data::to_channels(*decoded.image, 3));
  }
  expect_answers_of(images);
}

TEST_F(DecodersTest, APlanOfAnySizeSeesEveryPixel) {
  take_any_size();
  std::vector<data::Image> images;
  for (const char* file : kFiles) images.push_back(data::to_channels(data::load_image(kImages / file), 3));
  expect_answers_of(images);
}

TEST_F(DecodersTest, WhatCannotBeDecodedIsNamed) {
  take_any_size();
  const auto refusal = [&](std::size_t i, const ClassifierOptions& options = {}) {
    std::vector<Outcome> outcomes(encoded_.size());
    const Status status = load(options).classify(encoded_, outcomes);
    EXPECT_FALSE(status);
    EXPECT_THAT(status.error().message, HasSubstr(std::format("images[{}]: ", i)));
    return std::pair(status.error().code, status.error().message);
  };
  const auto whole = encoded_[2];
  encoded_[2].size /= 2;
  EXPECT_THAT(refusal(2), testing::Pair(ErrorCode::bad_input, HasSubstr("unreadable PNG: ")));
  encoded_[2] = {reinterpret_cast<const std::uint8_t*>("hello"), 5};
  EXPECT_THAT(refusal(2), testing::Pair(ErrorCode::bad_input, HasSubstr("a text, expected an image")));
  encoded_[2].size = 0;
  EXPECT_THAT(refusal(2), testing::Pair(ErrorCode::bad_input, HasSubstr("an empty file")));
  encoded_[2] = whole;
  EXPECT_THAT(refusal(0, {.max_megapixels = 0.01}),
              testing::Pair(ErrorCode::bad_input, HasSubstr("expected at most 0.01 megapixels")));
}

}  // namespace
}  // namespace triage
