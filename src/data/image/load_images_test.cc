#include "data/image/load_images.h"

#include "data/data_test_support.h"

namespace triage::data {
namespace {

// `count` files whose one grey pixel is their number, every seventh cut off.
std::vector<fs::path> numbered(const fs::path& dir, int count) {
  std::vector<fs::path> files;
  for (int i = 0; i < count; ++i) {
    files.push_back(dir / std::format("{}.pgm", i));
    std::string text = "P5 1 1 255\n";
    if (i % 7 != 6) text += static_cast<char>(i);
    write_bytes(files.back(), Bytes(text.begin(), text.end()));
  }
  return files;
}

TEST(LoadImages, ComeInOrderWithTheBadOnesAmongThem) {
  const TempDir dir;
  const auto files = numbered(dir.path(), 100);
  for (const int threads : {0, 1, 3, 200}) {
    std::size_t expected = 0;
    load_images(files, {.fit = {}, .threads = threads}, [&](std::size_t index, const Decoded& decoded) {
      EXPECT_EQ(index, expected++);
      if (index % 7 == 6) {
        EXPECT_FALSE(decoded.image);
        EXPECT_EQ(decoded.failure, DecodeFailure::damaged);
      } else {
        ASSERT_TRUE(decoded.image) << decoded.reason;
        EXPECT_EQ(decoded.image->pixels, Bytes{static_cast<std::uint8_t>(index)});
      }
    });
    EXPECT_EQ(expected, 100u);
  }
}

TEST(LoadImages, BringsThemToSize) {
  const TempDir dir;
  const auto files = numbered(dir.path(), 3);
  load_images(files, {.fit = {.height = 2, .width = 3, .fit = Fit::pad, .decode = {}}, .threads = 1},
              [](std::size_t, const Decoded& decoded) {
                EXPECT_EQ(decoded.image->height, 2);
                EXPECT_EQ(decoded.image->width, 3);
              });
  load_images({}, {}, [](std::size_t, const Decoded&) { ADD_FAILURE(); });
}

TEST(LoadImages, WhatTheReaderThrowsEndsTheWork) {
  const TempDir dir;
  const auto files = numbered(dir.path(), 100);
  std::size_t taken = 0;
  EXPECT_EQ(error_of([&] {
              load_images(files, {.fit = {}, .threads = 2}, [&](std::size_t, const Decoded&) {
                if (++taken == 5) throw Error("enough");
              });
            }),
            "enough");
  EXPECT_EQ(taken, 5u);
}

}  // namespace
}  // namespace triage::data
