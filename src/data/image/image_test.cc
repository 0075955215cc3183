#include "data/image/image.h"

// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>  // needs both of them
// clang-format on
#include <png.h>

#include "data/data_test_support.h"

namespace triage::data {
namespace {

Image gradient(int height, int width, int channels) {
  Image image{height, width, channels, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) image.pixels.push_back(static_cast<std::uint8_t>(4 * y + 3 * x + 40 * c));
    }
  }
  return image;
}

Bytes encode_jpeg(const Image& image, int quality, J_COLOR_SPACE space) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &out, &size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = image.channels;
  info.in_color_space = space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPROW>(&image.pixels[std::size_t{info.next_scanline} * image.width * image.channels]);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  Bytes bytes(out, out + size);
  std::free(out);
  return bytes;
}

// Any PNG format: rows of raw bytes as libpng wants them, big-endian for 16 bit.
Bytes encode_raw_png(int height, int width, int depth, int type, Bytes rows, const std::vector<png_color>& palette = {},
                     const Bytes& palette_alpha = {}) {
  Bytes out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep data, std::size_t count) {
        auto* bytes = static_cast<Bytes*>(png_get_io_ptr(p));
        bytes->insert(bytes->end(), data, data + count);
      },
      nullptr);
  png_set_IHDR(png, info, width, height, depth, type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (!palette.empty()) png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
  if (!palette_alpha.empty()) {
    png_set_tRNS(png, info, palette_alpha.data(), static_cast<int>(palette_alpha.size()), nullptr);
  }
  png_write_info(png, info);
  const std::size_t row_bytes = rows.size() / height;
  for (int y = 0; y < height; ++y) png_write_row(png, &rows[y * row_bytes]);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

TEST(Png, RoundTripIsExact) {
  for (const int channels : {1, 3}) {
    const Image image = gradient(5, 7, channels);
    const Image back = decode_image(encode_png(image), "a.png");
    EXPECT_EQ(back.height, 5);
    EXPECT_EQ(back.width, 7);
    EXPECT_EQ(back.channels, channels);
    EXPECT_EQ(back.pixels, image.pixels);
  }
  EXPECT_THAT(error_of([] { encode_png({2, 2, 3, Bytes(11)}); }), HasSubstr("11 bytes for 2x2x3 pixels"));
}

TEST(Png, OtherFormatsBecomeEightBitGreyOrColour) {
  const Image palette = decode_image(
      encode_raw_png(1, 3, 8, PNG_COLOR_TYPE_PALETTE, {1, 0, 2}, {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}), "p.png");
  EXPECT_EQ(palette.channels, 3);
  EXPECT_EQ(palette.pixels, (Bytes{4, 5, 6, 1, 2, 3, 7, 8, 9}));
  const Image bits = decode_image(encode_raw_png(1, 8, 1, PNG_COLOR_TYPE_GRAY, {0b10100000}), "1.png");
  EXPECT_EQ(bits.channels, 1);
  EXPECT_EQ(bits.pixels, (Bytes{255, 0, 255, 0, 0, 0, 0, 0}));
  const Image deep = decode_image(encode_raw_png(1, 2, 16, PNG_COLOR_TYPE_GRAY, {0x80, 0xff, 0x12, 0x10}), "16.png");
  EXPECT_EQ(deep.pixels, (Bytes{0x80, 0x12}));  // 0x80ff is nearest to 0x80 * 257, 0x1210 to 0x12 * 257
}

TEST(Png, AlphaIsComposedOnWhite) {
  const Image colour = decode_image(
      encode_raw_png(1, 3, 8, PNG_COLOR_TYPE_RGB_ALPHA, {10, 20, 30, 0, 10, 20, 30, 255, 0, 100, 200, 51}), "a.png");
  EXPECT_EQ(colour.channels, 3);
  EXPECT_EQ(colour.pixels, (Bytes{255, 255, 255, 10, 20, 30, 204, 224, 244}));
  const Image grey = decode_image(encode_raw_png(1, 2, 8, PNG_COLOR_TYPE_GRAY_ALPHA, {0, 51, 7, 255}), "g.png");
  EXPECT_EQ(grey.channels, 1);
  EXPECT_EQ(grey.pixels, (Bytes{204, 7}));
  const Image entry =
      decode_image(encode_raw_png(1, 2, 8, PNG_COLOR_TYPE_PALETTE, {0, 1}, {{9, 9, 9}, {8, 8, 8}}, {0, 255}), "t.png");
  EXPECT_EQ(entry.pixels, (Bytes{255, 255, 255, 8, 8, 8}));
}

// Behind the compressed pixels lie their checksums (8 bytes) and the end chunk (12): without them nothing is lost.
TEST(Png, EveryTruncationThatLosesPixelsIsAnError) {
  const Image image = gradient(9, 11, 3);
  const Bytes good = encode_png(image);
  for (std::size_t size = 4; size + 20 < good.size(); ++size) {
    EXPECT_THAT(error_of([&] { decode_image(std::span(good).first(size), "cut.png"); }),
                HasSubstr("cut.png: unreadable PNG: "))
        << size;
  }
  EXPECT_EQ(decode_image(std::span(good).first(good.size() - 12), "whole.png").pixels, image.pixels);
  Bytes bad = good;
  bad[good.size() / 2] ^= 0x40;
  EXPECT_THAT(error_of([&] { decode_image(bad, "flip.png"); }), HasSubstr("flip.png: unreadable PNG: "));
}

TEST(Jpeg, GreyAndColourComeBackClose) {
  for (const int channels : {1, 3}) {
    const Image image = gradient(16, 24, channels);
    const Image back = decode_image(encode_jpeg(image, 95, channels == 1 ? JCS_GRAYSCALE : JCS_RGB), "a.jpg");
    ASSERT_EQ(back.pixels.size(), image.pixels.size());
    EXPECT_EQ(back.channels, channels);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) EXPECT_NEAR(back.pixels[i], image.pixels[i], 6);
  }
}

// libjpeg alone would warn and fill the rest with grey.
TEST(Jpeg, EveryTruncationIsAnError) {
  const Bytes good = encode_jpeg(gradient(40, 40, 3), 90, JCS_RGB);
  for (std::size_t size = 3; size < good.size(); ++size) {
    EXPECT_THAT(error_of([&] { decode_image(std::span(good).first(size), "cut.jpg"); }),
                HasSubstr("cut.jpg: unreadable JPEG: "))
        << size;
  }
  EXPECT_THAT(error_of([&] { decode_image(std::span(good).first(good.size() - 30), "cut.jpg"); }),
              HasSubstr("Premature end of JPEG file"));
}

TEST(Jpeg, HugeImagesAreRefusedUnlessAskedFor) {
  Bytes huge = encode_jpeg(gradient(8, 8, 1), 90, JCS_GRAYSCALE);
  for (std::size_t i = 0; i + 1 < huge.size(); ++i) {
    if (huge[i] != 0xff || huge[i + 1] != 0xc0) continue;
    huge[i + 5] = huge[i + 7] = 0xff;  // height and width of the frame header
  }
  EXPECT_EQ(error_of([&] { decode_image(huge, "h.jpg"); }),
            "h.jpg: 65288x65288 pixels, expected at most 64 megapixels (--max-megapixels)");
  const Bytes small = encode_jpeg(gradient(32, 32, 1), 90, JCS_GRAYSCALE);
  DecodeOptions options;
  options.max_megapixels = 1023.0 / (1 << 20);
  const Decoded refused = try_decode(small, options);
  EXPECT_FALSE(refused.image);
  EXPECT_EQ(refused.failure, DecodeFailure::too_large);
  options.max_megapixels = 1024.0 / (1 << 20);
  EXPECT_TRUE(try_decode(small, options).image);
}

TEST(Channels, GreyAndColour) {
  EXPECT_EQ(to_channels({1, 2, 1, {7, 9}}, 3).pixels, (Bytes{7, 7, 7, 9, 9, 9}));
  EXPECT_EQ(to_channels({1, 4, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90}}, 1).pixels, (Bytes{76, 150, 29, 90}));
  EXPECT_THAT(error_of([] { to_channels({1, 1, 1, {0}}, 2); }), HasSubstr("2 channels asked for, expected 1 or 3"));
}

}  // namespace
}  // namespace triage::data
