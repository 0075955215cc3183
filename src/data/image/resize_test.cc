#include "data/image/resize.h"

#include "data/data_test_support.h"

namespace triage::data {
namespace {

TEST(Resize, ShrinkingAveragesAreas) {
  const Image image{2, 4, 1, {0, 10, 20, 30, 40, 50, 60, 70}};
  EXPECT_EQ(resize(image, 1, 2).pixels, (Bytes{25, 45}));
  EXPECT_EQ(resize({1, 3, 1, {0, 90, 180}}, 1, 2).pixels, (Bytes{30, 150}));  // cells of 1.5 pixels
  EXPECT_EQ(resize({1, 2, 3, {0, 10, 20, 100, 110, 120}}, 1, 1).pixels, (Bytes{50, 60, 70}));
}

TEST(Resize, GrowingIsBilinearBetweenCentres) {
  EXPECT_EQ(resize({1, 2, 1, {0, 100}}, 1, 4).pixels, (Bytes{0, 25, 75, 100}));
  EXPECT_EQ(resize({2, 1, 1, {0, 100}}, 4, 2).pixels, (Bytes{0, 0, 25, 25, 75, 75, 100, 100}));
}

TEST(Resize, KeepsConstantsAndTheSameSize) {
  Image image{6, 5, 3, Bytes(90)};
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(2 * i);
  EXPECT_EQ(resize(image, 6, 5).pixels, image.pixels);
  const Image white{13, 17, 1, Bytes(13 * 17, 255)};
  for (const auto& [h, w] : {std::pair{3, 40}, {29, 5}, {7, 7}}) {
    EXPECT_EQ(resize(white, h, w).pixels, Bytes(static_cast<std::size_t>(h) * w, 255));
  }
}

// Steps of 40 down and 20 across: which part is where can be read off.
Image steps(int height, int width) {
  Image image{height, width, 1, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) image.pixels.push_back(static_cast<std::uint8_t>(40 * y + 20 * x));
  }
  return image;
}

TEST(Fit, CropTakesTheMiddle) {
  EXPECT_EQ(resize(steps(2, 6), 2, 2, Fit::crop).pixels, (Bytes{40, 60, 80, 100}));
  EXPECT_EQ(resize(steps(5, 1), 1, 1, Fit::crop).pixels, (Bytes{80}));
  EXPECT_EQ(resize(steps(2, 6), 1, 1, Fit::crop).pixels, (Bytes{70}));  // of 40, 60, 80, 100
  EXPECT_EQ(resize(steps(1, 4), 2, 2, Fit::crop).height, 2);
}

TEST(Fit, PadKeepsTheWholeImageOnBlack) {
  EXPECT_EQ(resize({1, 2, 1, {100, 200}}, 2, 2, Fit::pad).pixels, (Bytes{100, 200, 0, 0}));
  EXPECT_EQ(resize({1, 2, 1, {100, 200}}, 3, 2, Fit::pad).pixels, (Bytes{0, 0, 100, 200, 0, 0}));
  EXPECT_EQ(resize({2, 1, 3, {1, 2, 3, 4, 5, 6}}, 2, 3, Fit::pad).pixels,
            (Bytes{0, 0, 0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 4, 5, 6, 0, 0, 0}));
  EXPECT_EQ(resize(steps(2, 1000), 4, 4, Fit::pad).width, 4);  // never thinner than one row
}

TEST(Fit, TheSameAspectRatioIsTheSameForAll) {
  const Image image = steps(4, 6);
  const Image squashed = resize(image, 2, 3, Fit::squash);
  EXPECT_EQ(resize(image, 2, 3).pixels, squashed.pixels);
  EXPECT_EQ(resize(image, 2, 3, Fit::crop).pixels, squashed.pixels);
  EXPECT_EQ(resize(image, 2, 3, Fit::pad).pixels, squashed.pixels);
}

// Decoded at 1/2 to 1/8 where that is enough: close to the average of all pixels, at the same place.
TEST(Fit, APhotographMayBeDecodedAtAFraction) {
  const fs::path photo = fs::path(TRIAGE_FIXTURES) / "images" / "photo.jpg";
  const Image full = load_image(photo);
  ASSERT_EQ(full.height, 192);
  ASSERT_EQ(full.width, 256);
  for (const Fit fit : {Fit::squash, Fit::crop, Fit::pad}) {
    for (const int side : {8, 12, 24, 48}) {
      const Decoded decoded = try_load_resized(photo, {.height = side, .width = side, .fit = fit, .decode = {}});
      ASSERT_TRUE(decoded.image);
      const Image wanted = resize(full, side, side, fit);
      ASSERT_EQ(decoded.image->pixels.size(), wanted.pixels.size());
      int largest = 0;
      for (std::size_t i = 0; i < wanted.pixels.size(); ++i) {
        largest = std::max(largest, std::abs(wanted.pixels[i] - decoded.image->pixels[i]));
      }
      EXPECT_LE(largest, 6) << fit_name(fit) << " " << side;
    }
  }
  DecodeOptions options;
  options.target_height = options.target_width = 12;
  const Image eighth = load_image(photo, options);
  EXPECT_EQ(eighth.height, 24);  // 1/8 is just twice the target
  options.target_height = 13;
  EXPECT_EQ(load_image(photo, options).height, 48);
}

}  // namespace
}  // namespace triage::data
