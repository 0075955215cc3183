#include "data/sized_images.h"

#include <cmath>
#include <set>

#include "data/data_test_support.h"
#include "data/image/resize.h"
#include "preprocess/network_input.h"

namespace triage::data {
namespace {

TEST(Crops, OfTheMiddleHaveTheOutputsAspectRatio) {
  EXPECT_EQ(centre_crop(160, 213, {.height = 128, .width = 128}), (Crop{0, 26, 160, 160}));
  EXPECT_EQ(centre_crop(213, 160, {.height = 128, .width = 128}), (Crop{26, 0, 160, 160}));
  EXPECT_EQ(centre_crop(100, 100, {.height = 32, .width = 64}), (Crop{25, 0, 50, 100}));
  EXPECT_EQ(centre_crop(1, 300, {.height = 64, .width = 32}), (Crop{0, 149, 1, 1}));
}

TEST(Crops, AtRandomKeepTheirAreaAspectRatioAndTheImage) {
  const SizeOptions size{.height = 64, .width = 32, .min_area = 0.3};
  std::set<int> tops;
  double least = 1, most = 0;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const Crop crop = random_crop(300, 200, size, 1, 2, i);
    EXPECT_GE(crop.top, 0);
    EXPECT_GE(crop.left, 0);
    EXPECT_LE(crop.top + crop.height, 300);
    EXPECT_LE(crop.left + crop.width, 200);
    const double share = crop.height * crop.width / 60000.0;
    EXPECT_GE(share, 0.29);
    const double aspect = static_cast<double>(crop.width) / crop.height / 0.5;
    EXPECT_GE(aspect, 0.74);
    EXPECT_LE(aspect, 1.36);
    least = std::min(least, share);
    most = std::max(most, share);
    tops.insert(crop.top);
    EXPECT_EQ(random_crop(300, 200, size, 1, 2, i), crop);
    if (i < 20) {
      EXPECT_NE(random_crop(300, 200, size, 1, 3, i), crop);
      EXPECT_NE(random_crop(300, 200, size, 2, 2, i), crop);
    }
  }
  EXPECT_LT(least, 0.32);
  EXPECT_GT(most, 0.7);
  EXPECT_GT(tops.size(), 50u);
}

TEST(Crops, OfTheWholeAreaAreTheLargestAtARandomPlace) {
  const SizeOptions size{.height = 50, .width = 50, .min_area = 1};
  std::set<int> lefts;
  for (std::uint32_t i = 0; i < 300; ++i) {
    const Crop crop = random_crop(100, 110, size, 1, 0, i);
    EXPECT_EQ(crop.top, 0);
    EXPECT_EQ(crop.height, 100);
    EXPECT_EQ(crop.width, 100);
    lefts.insert(crop.left);
  }
  EXPECT_EQ(lefts.size(), 11u);
}

class SizedImagesTest : public ::testing::Test {
 protected:
  Bytes centre(const SizedImages& images, std::uint32_t index) const {
    SizedScratch scratch;
    const std::uint8_t* pixels = images.centre(index, scratch);
    return {pixels, pixels + static_cast<std::size_t>(images.info().height) * images.info().width * 3};
  }
  Bytes random(const SizedImages& images, std::uint32_t index, std::uint64_t epoch) const {
    Image storage;
    const std::uint8_t* pixels = images.random(index, 7, epoch, storage);
    return {pixels, pixels + static_cast<std::size_t>(images.info().height) * images.info().width * 3};
  }

  TempDir dir_;
  std::vector<Bytes> files_ = encoded_files(12);
  Dataset encoded_ = stored_encoded(files_, 3, dir_ / "a.tds");
};

TEST_F(SizedImagesTest, TheMiddleIsAsFitCropOfTheDecodedImage) {
  const SizedImages images(encoded_, {.height = 3, .width = 4});
  EXPECT_EQ(images.info().height, 3);
  EXPECT_EQ(images.info().width, 4);
  for (std::uint32_t i = 0; i < 12; ++i) {
    EXPECT_EQ(centre(images, i), resize(to_channels(decode_image(files_[i], "a"), 3), 3, 4, Fit::crop).pixels) << i;
  }
}

TEST_F(SizedImagesTest, WhatIsKeptChangesNoPixel) {
  const SizedImages all(encoded_, {.height = 4, .width = 4}),
      none(encoded_, {.height = 4, .width = 4, .cache_bytes = 0}),
      some(encoded_, {.height = 4, .width = 4, .cache_bytes = 700});
  int others = 0;
  for (int round = 0; round < 2; ++round) {
    for (std::uint32_t i = 0; i < 12; ++i) {
      const Bytes expected = random(none, i, 5);
      EXPECT_EQ(random(all, i, 5), expected);
      EXPECT_EQ(random(some, i, 5), expected);
      others += random(all, i, 6) != random(all, i, 9);
    }
  }
  EXPECT_GT(others, 12) << "expected other crops in other epochs of most images";
  EXPECT_EQ(none.kept_bytes(), 0u);
  EXPECT_GT(some.kept_bytes(), 0u);
  EXPECT_LE(some.kept_bytes(), 700u);
  EXPECT_GT(all.kept_bytes(), some.kept_bytes());
}

TEST_F(SizedImagesTest, RawSetsOfTheSizeAreAsTheyAre) {
  const Dataset raw = stored(small_raw(2, 3), dir_ / "raw.tds");
  const SizedImages images(raw, {});
  SizedScratch scratch;
  EXPECT_EQ(images.centre(3, scratch), raw.image(3));
  EXPECT_EQ(images.random(3, 1, 1, scratch.image), raw.image(3));
}

// By the definition: what the runtime prepares for a stage that sees its images so, before it divides by 255.
TEST_F(SizedImagesTest, RawSetsOfAnotherSizeAreAsTheRuntimePreparesThem) {
  const Dataset raw = stored(small_raw(2, 3), dir_ / "raw.tds");
  for (const auto& [height, width] : {std::pair(2, 2), std::pair(3, 5), std::pair(7, 9)}) {
    const preprocess::Preprocess spec = preprocess::squashed_preprocess({.height = height, .width = width});
    std::vector<float> expected(spec.elements());
    preprocess::Scratch scratch;
    for (std::uint32_t i = 0; i < raw.size(); ++i) {
      Image storage;
      preprocess::Preprocessor(spec).run(raw.view(i, storage), expected.data(), scratch);
      const Bytes found = centre(SizedImages(raw, {.height = height, .width = width}), i);
      for (int pixel = 0; pixel < height * width; ++pixel) {
        for (int c = 0; c < 3; ++c)
          EXPECT_FLOAT_EQ(static_cast<float>(found[pixel * 3 + c]) / 255, expected[c * height * width + pixel]);
      }
    }
  }
}

TEST_F(SizedImagesTest, BadOptionsAreErrors) {
  const auto error = [&](const SizeOptions& size) { return error_of([&] { SizedImages(encoded_, size); }); };
  EXPECT_THAT(error({}), HasSubstr("photos: its images are kept encoded"));
  EXPECT_EQ(error({.height = 4}), "photos: images wanted of 4x0, expected sides of 1 to 8192");
  EXPECT_EQ(error({.height = 4, .width = 4, .min_area = 0}),
            "photos: crops of at least 0 of the image's area, expected above 0, at most 1");
}

}  // namespace
}  // namespace triage::data
