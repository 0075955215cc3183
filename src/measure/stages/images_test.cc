#include "measure/stages/images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::measure {
namespace {

using testing::HasSubstr;

constexpr plan::InputShape kAnySize{.channels = 3, .height = 0, .width = 0};

class ImageFileTest : public testing::Test {
 protected:
  ImageFileTest() {
    for (std::size_t i = 0; i < pixels_.size(); ++i) pixels_[i] = static_cast<std::uint8_t>(i * 7);
  }
  std::string error(const std::string& bytes, const plan::InputShape& shape = kAnySize) const {
    write_file_atomic(file_, bytes);
    return error_of([&] { ImageFile(file_, shape); });
  }

  TempDir directory_;
  fs::path file_ = directory_ / "images.bin";
  std::vector<std::uint8_t> pixels_ = std::vector<std::uint8_t>(200);
  std::vector<ImageView> images_{
      {pixels_.data(), 2, 5, 3}, {pixels_.data() + 30, 7, 1, 1}, {pixels_.data() + 9, 1, 9, 3}};
};

TEST_F(ImageFileTest, KeepsImagesOfManySizes) {
  write_file_atomic(file_, image_file_bytes(images_, kAnySize));
  const ImageFile file(file_, kAnySize);
  ASSERT_EQ(file.images().size(), images_.size());
  for (std::size_t i = 0; i < images_.size(); ++i) {
    const ImageView &found = file.images()[i], &kept = images_[i];
    EXPECT_EQ(std::tuple(found.height, found.width, found.channels),
              std::tuple(kept.height, kept.width, kept.channels));
    EXPECT_TRUE(std::equal(found.pixels, found.pixels + kept.height * kept.width * kept.channels, kept.pixels)) << i;
  }
}

TEST_F(ImageFileTest, OfOneSizeIsPixelsAndNothingElse) {
  const std::vector<ImageView> images = images_of_block(std::span(pixels_).first(60), {3, 2, 5}, "block");
  ASSERT_EQ(images.size(), 2u);
  const std::string bytes = image_file_bytes(images, {3, 2, 5});
  EXPECT_EQ(bytes, std::string(pixels_.begin(), pixels_.begin() + 60));
  write_file_atomic(file_, bytes);
  EXPECT_EQ(ImageFile(file_, {3, 2, 5}).images().size(), 2u);
  EXPECT_THAT(error(bytes + "x", {3, 2, 5}), HasSubstr("images.bin: 61 bytes, expected a multiple of 30"));
  EXPECT_THAT(error("", {3, 2, 5}), HasSubstr("0 bytes, expected"));
  EXPECT_EQ(error_of([&] { images_of_block(pixels_, kAnySize, "block"); }),
            "block: found pixels without sizes, expected images of one size");
}

TEST_F(ImageFileTest, DamageIsNamed) {
  const std::string whole = image_file_bytes(images_, kAnySize);
  const auto with = [&](std::size_t at, char byte) {
    std::string bytes = whole;
    bytes[at] = byte;
    return error(bytes);
  };
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_NE(error(whole.substr(0, size)), "") << size;
  EXPECT_THAT(error(whole + "x"),
              HasSubstr(std::format("found {} bytes, expected {}", whole.size() + 1, whole.size())));
  EXPECT_THAT(error(std::string(600, 'x')), HasSubstr("images.bin: expected 'TRIAGEIM' and sizes at its beginning"));
  EXPECT_THAT(with(8, 0), HasSubstr("images: found 0, expected 1 to "));
  EXPECT_THAT(with(11, 127), HasSubstr("images: found 2130706435, expected 1 to "));
  EXPECT_THAT(with(12, 0), HasSubstr("image 0: found 0x5x3, expected 1 to 65535 rows"));
  EXPECT_THAT(with(15, 1), HasSubstr("image 0: found 16777218x5x3"));
  EXPECT_THAT(with(20, 2), HasSubstr("image 0: found 2x5x2, expected 1 to 65535 rows and columns of 1 or 3 channels"));
  EXPECT_THAT(with(13, 100), HasSubstr("image 0: found 64 bytes, expected 384030"));
}

}  // namespace
}  // namespace triage::measure
