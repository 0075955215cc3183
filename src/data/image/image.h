// Image files <-> 8 bit pixels [height, width, channels]. What a file is, is told by its content, never by its name.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/files/file.h"

namespace triage::data {

struct Image {
  int height = 0, width = 0, channels = 0;  // channels 1 or 3
  std::vector<std::uint8_t> pixels;
};

enum class ImageFormat { jpeg, png, webp, gif, bmp, tiff, pnm };
std::string_view format_name(ImageFormat format);  // "JPEG"
inline constexpr std::string_view kImageFormats = "JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, PGM or PBM";

// The format by the first bytes; none: nothing that is read here.
std::optional<ImageFormat> sniff(std::span<const std::uint8_t> bytes);

// What else a file is: "an empty file", "zero bytes only", "a text", "a thumbnails database", "a ZIP archive", ... or
// its first bytes. `foreign_image`: an image of a format that is not read here (HEIC, JPEG 2000, ...).
struct Content {
  std::string what;
  bool foreign_image = false;
};
Content describe_content(std::span<const std::uint8_t> bytes);

inline constexpr double kMaxMegapixels = 64;  // of 2^20 pixels: 8192 x 8192

struct DecodeOptions {
  bool exif_orientation = true;  // turn the image as its EXIF data (or its TIFF tag) says
  double max_megapixels = kMaxMegapixels;
  // A caller that will shrink the image to this size: a JPEG of at least 4 times the height and width is decoded at
  // 1/2, 1/4 or 1/8, never below 2 times the size. 0: every pixel.
  int target_height = 0, target_width = 0;
};

enum class DecodeFailure {
  unreadable,    // the file cannot be opened or read
  not_an_image,  // a stray file, by its content
  damaged,       // truncated or corrupt: pixels are lost
  unsupported,   // an image of a kind that is not read (HEIC, 12 bits, ...)
  too_large,     // more pixels than max_megapixels
};

// An image, or why there is none.
struct Decoded {
  std::optional<Image> image;
  DecodeFailure failure = DecodeFailure::damaged;
  std::string reason;   // without the file's name
  std::string content;  // of what is no image: what it is
};

// Grey stays one channel, all else becomes three: palettes and CMYK colour, 16 bit 8, alpha is composed on white, the
// first image of several is taken. Memory and time are bounded by max_megapixels; thread-safe. What decoders grumble
// about is no failure as long as all pixels are there.
Decoded try_decode(std::span<const std::uint8_t> bytes, const DecodeOptions& options = {});
Decoded try_load(const fs::path& path, const DecodeOptions& options = {});
Decoded try_load(const fs::path& path, const DecodeOptions& options, std::string& bytes);  // bytes: gets the file's

// The same with failures as an Error that starts with `origin`, the file's name.
Image decode_image(std::span<const std::uint8_t> bytes, const std::string& origin, const DecodeOptions& options = {});
Image load_image(const fs::path& path, const DecodeOptions& options = {});

std::vector<std::uint8_t> encode_png(const Image& image);

Image to_channels(const Image& image, int channels);  // grey <-> colour (Rec. 601 luma)

}  // namespace triage::data
