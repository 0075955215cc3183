#include "runtime/encoded_images.h"

#include <gmock/gmock.h>

#include "runtime/executor_test_support.h"

namespace triage::runtime {
namespace {

using namespace testing_executor;
using testing::HasSubstr;

// An encoded image is one byte, its number; as pixels it is what the fakes know. 255 cannot be decoded.
class NumberDecoder : public ImageDecoder {
 public:
  Result<DecodedImage> decode(const EncodedImage& image, const DecodeRequest& request) const override {
    asked.push_back(request);
    if (*image.bytes == 255) return ErrorInfo{ErrorCode::bad_input, "unreadable"};
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(height) * width);
    for (std::size_t k = 0; k < pixels.size(); ++k) pixels[k] = static_cast<std::uint8_t>(*image.bytes + k);
    return DecodedImage{height, width, 1, std::move(pixels)};
  }
  mutable std::vector<DecodeRequest> asked;
  int height = kSide, width = kSide;
};

class EncodedImagesTest : public testing::Test {
 protected:
  explicit EncodedImagesTest() : images_(150), numbers_(150) {
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      numbers_[i] = static_cast<std::uint8_t>(i);
      encoded_.push_back({&numbers_[i], 1});
    }
  }
  std::string error() {
    const Status status = classify_encoded(*fixture_.executor, &decoder_, 2, encoded_, images_.outcomes);
    return status ? "" : status.error().message;
  }

  Fixture fixture_ = make({{-1, 7}, {0, 0}, {-1, 0}});
  NumberDecoder decoder_;
  Images images_;
  std::vector<std::uint8_t> numbers_;
  std::vector<EncodedImage> encoded_;
};

TEST_F(EncodedImagesTest, AreAnsweredAsTheirPixels) {
  EXPECT_EQ(error(), "");
  expect_routed(images_, 3);
  ASSERT_EQ(decoder_.asked.size(), 150u);
  const DecodeRequest& asked = decoder_.asked[70];
  EXPECT_EQ(std::tuple(asked.channels, asked.height, asked.width, asked.fit, asked.max_megapixels),
            std::tuple(1, kSide, kSide, "squash", 2.0));
  const ClassifierStatistics seen = fixture_.executor->statistics();
  EXPECT_EQ(std::tuple(seen.calls, seen.errors, seen.images), std::tuple(1u, 0u, 150u));  // of three pieces
  EXPECT_GT(seen.microseconds, 0);
  encoded_.clear();
  images_.outcomes.clear();
  EXPECT_EQ(error(), "");
}

TEST_F(EncodedImagesTest, DetailsAreThoseOfThePixels) {
  std::vector<float> logits(150 * kClasses), probabilities(logits.size()), of_pixels(logits.size());
  std::vector<ClassProbability> top(150 * 2);
  ASSERT_TRUE(classify_encoded(*fixture_.executor, &decoder_, 2, encoded_, images_.outcomes,
                               {.logits = logits, .probabilities = probabilities, .top = top}));
  for (std::size_t i = 0; i < 150; ++i) {
    ASSERT_EQ(top[2 * i].label, images_.outcomes[i].label);
    ASSERT_EQ(probabilities[i * kClasses + top[2 * i].label], images_.outcomes[i].probability);
  }
  ASSERT_TRUE(fixture_.executor->classify(images_.views, images_.outcomes, {.logits = of_pixels}));
  EXPECT_EQ(logits, of_pixels);
  const Status wrong = classify_encoded(*fixture_.executor, &decoder_, 2, encoded_, images_.outcomes,
                                        {.logits = std::span(logits).first(4)});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "logits: found 4, expected 600, 4 classes of 150 images");
}

TEST_F(EncodedImagesTest, WhatCannotBeAnsweredIsNamed) {
  numbers_[149] = 255;  // of the third piece
  EXPECT_EQ(error(), "images[149]: unreadable");
  numbers_[149] = 149;
  decoder_.width = kSide + 1;
  EXPECT_THAT(error(), HasSubstr("images[0]: found 2x3x1, expected 2x2x1"));
  decoder_.width = kSide;
  encoded_[3].bytes = nullptr;
  decoder_.asked.clear();
  EXPECT_EQ(error(), "images[3]: bytes: found null");
  EXPECT_EQ(decoder_.asked.size(), 0u);
  encoded_.pop_back();
  EXPECT_EQ(error(), "outcomes: found 150, expected 149, the number of images");
  const Status none = classify_encoded(*fixture_.executor, nullptr, 2, encoded_, images_.outcomes);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::unsupported);
  EXPECT_THAT(none.error().message, HasSubstr("expected triage::image_decoder() of the library triage::decoders"));
}

}  // namespace
}  // namespace triage::runtime
