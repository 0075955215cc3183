// Every kind of image file against the pixels that Pillow reads from it (tests/fixtures/make_images.py), and what
// becomes of files that are damaged, unsupported or no images.
// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>  // needs both of them
// clang-format on

#include <cmath>
#include <sstream>

#include "data/data_test_support.h"
#include "data/image/resize.h"

namespace triage::data {
namespace {

const fs::path kImages = fs::path(TRIAGE_FIXTURES) / "images";

struct Expected {
  std::string name;
  int height = 0, width = 0, channels = 0;
  Bytes pixels;
};

std::vector<Expected> expected_images() {
  std::istringstream lines(read_file(kImages / "expected.txt"));
  const Bytes pixels = read_bytes(kImages / "expected.bin");
  std::vector<Expected> all;
  std::size_t at = 0;
  for (Expected e; lines >> e.name >> e.height >> e.width >> e.channels; at += e.pixels.size()) {
    const std::size_t count = static_cast<std::size_t>(e.height) * e.width * e.channels;
    e.pixels.assign(pixels.begin() + static_cast<std::ptrdiff_t>(at),
                    pixels.begin() + static_cast<std::ptrdiff_t>(at + count));
    all.push_back(e);
  }
  EXPECT_EQ(at, pixels.size());
  return all;
}

int largest_difference(const Bytes& a, const Bytes& b) {
  if (a.size() != b.size()) return 256;
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

DecodeFailure failure_of(std::span<const std::uint8_t> bytes) {
  const Decoded decoded = try_decode(bytes);
  EXPECT_FALSE(decoded.image);
  return decoded.failure;
}

TEST(ImageFormats, PixelsAreThoseOfPillow) {
  const auto all = expected_images();
  ASSERT_GE(all.size(), 70u);
  for (const Expected& expected : all) {
    SCOPED_TRACE(expected.name);
    const Decoded decoded = try_load(kImages / expected.name);
    if (!decoded.image) {
      ADD_FAILURE() << decoded.reason;
      continue;
    }
    EXPECT_EQ(decoded.image->height, expected.height);
    EXPECT_EQ(decoded.image->width, expected.width);
    EXPECT_EQ(decoded.image->channels, expected.channels);
    EXPECT_LE(largest_difference(decoded.image->pixels, expected.pixels), 3);
  }
}

TEST(ImageFormats, HalfAFileIsDamageInEveryFormat) {
  for (const Expected& expected : expected_images()) {
    SCOPED_TRACE(expected.name);
    const Bytes bytes = read_bytes(kImages / expected.name);
    // The first of two frames lies in the first half.
    const std::size_t kept = expected.name.starts_with("animated") ? bytes.size() / 5 : bytes.size() / 2;
    const Decoded decoded = try_decode(std::span(bytes).first(kept));
    EXPECT_FALSE(decoded.image);
    EXPECT_EQ(decoded.failure, DecodeFailure::damaged) << decoded.reason;
    EXPECT_FALSE(decoded.reason.empty());
  }
}

TEST(ImageFormats, OrientationCanBeLeftAlone) {
  DecodeOptions options;
  options.exif_orientation = false;
  const Image turned = load_image(kImages / "turned6.jpg"), as_it_lies = load_image(kImages / "turned6.jpg", options);
  EXPECT_EQ(as_it_lies.height, turned.width);
  EXPECT_EQ(as_it_lies.width, turned.height);
  for (const auto* name : {"turned6.png", "turned8.webp", "turned5.tif"}) {
    EXPECT_EQ(load_image(kImages / name, options).height, 17) << name;
  }
}

TEST(ImageFormats, TheNameDoesNotMatter) {
  const TempDir dir;
  write_bytes(dir / "photo.png", read_bytes(kImages / "colour.jpg"));
  EXPECT_EQ(load_image(dir / "photo.png").pixels, load_image(kImages / "colour.jpg").pixels);
}

// Ink as Adobe stores it (255 is none), transformed like YCbCr.
TEST(ImageFormats, YcckIsCmyk) {
  Bytes ink;
  for (int i = 0; i < 16 * 16; ++i) ink.insert(ink.end(), {200, 100, static_cast<std::uint8_t>(i / 16 * 10), 180});
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &out, &size);
  info.image_width = info.image_height = 16;
  info.input_components = 4;
  info.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_colorspace(&info, JCS_YCCK);
  jpeg_set_quality(&info, 95, TRUE);
  jpeg_start_compress(&info, TRUE);
  for (int y = 0; y < 16; ++y) {
    JSAMPROW row = &ink[static_cast<std::size_t>(y) * 64];
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  const Image image = decode_image({out, size}, "ycck.jpg");
  std::free(out);
  ASSERT_EQ(image.channels, 3);
  for (int y : {0, 8, 15}) {
    const std::uint8_t* pixel = &image.pixels[static_cast<std::size_t>(y) * 48 + 24];
    EXPECT_NEAR(pixel[0], 200 * 180 / 255, 4);
    EXPECT_NEAR(pixel[1], 100 * 180 / 255, 4);
    EXPECT_NEAR(pixel[2], y * 10 * 180 / 255, 8);
  }
}

TEST(ImageFormats, CorruptScansAreDamage) {
  Bytes bytes = read_bytes(kImages / "restart.jpg");
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {  // a restart marker with another number: rows are missing
    if (bytes[i] == 0xff && bytes[i + 1] == 0xd0) bytes[i + 1] = 0xd3;
  }
  EXPECT_EQ(failure_of(bytes), DecodeFailure::damaged);
  bytes = read_bytes(kImages / "colour.jpg");
  bytes[bytes.size() - 60] = 0xff;  // a marker in the middle of the pixels
  bytes[bytes.size() - 59] = 0xd9;
  EXPECT_EQ(failure_of(bytes), DecodeFailure::damaged);
}

TEST(ImageFormats, WhatIsNotReadIsNamed) {
  Bytes twelve = read_bytes(kImages / "grey.jpg");
  for (std::size_t i = 0; i + 4 < twelve.size(); ++i) {
    if (twelve[i] == 0xff && twelve[i + 1] == 0xc0) twelve[i + 4] = 12;
  }
  Decoded decoded = try_decode(twelve);
  EXPECT_FALSE(decoded.image);
  EXPECT_EQ(decoded.failure, DecodeFailure::unsupported);
  EXPECT_EQ(decoded.reason, "unsupported JPEG: 12 bits per sample, expected 8");
  const std::string heic(
      "\0\0\0\x18"
      "ftypheic\0\0\0\0",
      16);
  decoded = try_decode({reinterpret_cast<const std::uint8_t*>(heic.data()), heic.size()});
  EXPECT_EQ(decoded.failure, DecodeFailure::unsupported);
  EXPECT_THAT(decoded.reason, HasSubstr("a HEIC image, expected an image: JPEG, PNG, WebP"));
}

TEST(ImageFormats, StrayFilesAreToldByWhatTheyAre) {
  const auto what = [](std::string_view text) {
    const Bytes bytes(text.begin(), text.end());
    EXPECT_FALSE(sniff(bytes)) << text;
    EXPECT_EQ(failure_of(bytes), DecodeFailure::not_an_image);
    return describe_content(bytes).what;
  };
  EXPECT_EQ(what(""), "an empty file");
  EXPECT_EQ(what(std::string(100, '\0')), "zero bytes only");
  EXPECT_EQ(what("P3 is no header\n"), "a text");
  EXPECT_EQ(what("BM starts this text and goes on\n"), "a text");
  EXPECT_EQ(what("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more"), "a thumbnails database");
  EXPECT_EQ(what(std::string_view("\0\0\0\1Bud1\0", 9)), "a folder's settings (.DS_Store)");
  EXPECT_EQ(what("\x01\x02\x03\x04\x05"), "a file that starts with bytes 01 02 03 04");
  EXPECT_EQ(try_load(kImages / "none.png").failure, DecodeFailure::unreadable);
  EXPECT_EQ(try_load(kImages).failure, DecodeFailure::unreadable);
}

TEST(ImageFormats, SizesOverTheLimitAreRefusedInEveryFormat) {
  DecodeOptions options;
  options.max_megapixels = (17 * 22 - 1.0) / (1 << 20);
  for (const Expected& expected : expected_images()) {
    const Decoded decoded = try_load(kImages / expected.name, options);
    EXPECT_FALSE(decoded.image) << expected.name;
    EXPECT_EQ(decoded.failure, DecodeFailure::too_large) << expected.name << ": " << decoded.reason;
  }
}

}  // namespace
}  // namespace triage::data
