#include "data/contact_sheet.h"

#include "data/data_test_support.h"

namespace triage::data {
namespace {

bool same_pixels(const Image& sheet, int row, int column, const std::uint8_t* image, int side) {
  const std::size_t line = static_cast<std::size_t>(side) * sheet.channels;
  for (int y = 0; y < side; ++y) {
    const std::size_t at = (static_cast<std::size_t>(row * side + y) * sheet.width + column * side) * sheet.channels;
    if (!std::equal(image + y * line, image + (y + 1) * line, &sheet.pixels[at])) return false;
  }
  return true;
}

TEST(ContactSheet, AClassIsARow) {
  const TempDir dir;
  const Dataset dataset = stored(small_raw(3, 2), dir / "a.tds");  // labels 0, 1, 2, 0, 1, 2, ...: 4 of each
  const Image sheet = contact_sheet(dataset);
  EXPECT_EQ(sheet.height, 12);
  EXPECT_EQ(sheet.width, 48);
  EXPECT_EQ(sheet.channels, 3);
  ASSERT_EQ(sheet.pixels.size(), 12u * 48 * 3);
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 4; ++column)
      EXPECT_TRUE(same_pixels(sheet, row, column, dataset.image(column * 3 + row), 4)) << row << ' ' << column;
    EXPECT_EQ(sheet.pixels[(static_cast<std::size_t>(row) * 4 * 48 + 16) * 3], 255)
        << "expected white after the last image";
  }
}

TEST(ContactSheet, TheFirstTwelveImagesOfTheFirstHundredClasses) {
  const TempDir dir;
  const Dataset dataset = stored(small_raw(101, 7, 1, 2), dir / "a.tds");
  const Image sheet = contact_sheet(dataset);
  EXPECT_EQ(sheet.height, 200);
  EXPECT_EQ(sheet.width, 24);
  EXPECT_EQ(sheet.channels, 1);
  EXPECT_TRUE(same_pixels(sheet, 99, 11, dataset.image(11 * 101 + 99), 2));
}

TEST(ContactSheet, EncodedImagesAreBroughtToOneSize) {
  const TempDir dir;
  const Dataset dataset = stored_encoded(encoded_files(9), 3, dir / "a.tds");
  const Image sheet = contact_sheet(dataset);
  EXPECT_EQ(sheet.height, 3 * 128);
  EXPECT_EQ(sheet.width, 12 * 128);
  for (int column = 0; column < 3; ++column) {
    EXPECT_TRUE(same_pixels(sheet, 1, column, picture_of(dataset, column * 3 + 1).pixels.data(), 128)) << column;
  }
}

}  // namespace
}  // namespace triage::data
