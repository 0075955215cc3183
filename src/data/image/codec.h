// The image formats behind try_decode(), a file each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <format>
#include <span>
#include <string>
#include <vector>

#include "data/image/image.h"

namespace triage::data {

using ByteSpan = std::span<const std::uint8_t>;

// Thrown by the decoders, caught by try_decode().
struct Undecodable {
  DecodeFailure failure;
  std::string reason;
};
template <class... Args>
[[noreturn]] void give_up(DecodeFailure failure, std::format_string<Args...> format, Args&&... args) {
  throw Undecodable{failure, std::format(format, std::forward<Args>(args)...)};
}

// A decoded image, still as it lies in the file, and the EXIF orientation to turn it by: 1 (as it lies) to 8.
struct Raw {
  Image image;
  int orientation = 1;
};

// libjpeg-turbo. Warnings that mean lost pixels are damage, others are dropped. CMYK and YCCK are taken as Adobe writes
// them, inverted.
Raw decode_jpeg(ByteSpan bytes, const DecodeOptions& options);
// libpng; colour profiles and gamma are ignored, here and below, as most readers of training sets do.
Raw decode_png(ByteSpan bytes, const DecodeOptions& options);
Raw decode_webp(ByteSpan bytes, const DecodeOptions& options);  // libwebp; the first frame of an animation
Raw decode_gif(ByteSpan bytes, const DecodeOptions& options);   // giflib; the first frame on its screen
Raw decode_tiff(ByteSpan bytes, const DecodeOptions& options);  // libtiff; the first page
Raw decode_bmp(ByteSpan bytes, const DecodeOptions& options);   // Windows and OS/2, RLE too
Raw decode_pnm(ByteSpan bytes, const DecodeOptions& options);   // P1 to P6

// Refuses empty images and those over the limit, before memory is taken for them.
void check_size(std::uint64_t height, std::uint64_t width, const DecodeOptions& options);

// The orientation in an EXIF block (a TIFF structure, with or without "Exif\0\0" in front); 1 where there is none.
int exif_orientation(ByteSpan exif);

// pixels [n, channels + 1], alpha last -> [n, channels] on white.
std::vector<std::uint8_t> compose_on_white(ByteSpan pixels, int channels);

// Unsigned integers of a file, bounds checked: reading behind the end is damage.
class ByteReader {
 public:
  ByteReader(ByteSpan bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}
  std::uint32_t u8(std::size_t at) const { return number(at, 1); }
  std::uint32_t u16(std::size_t at) const { return number(at, 2); }
  std::uint32_t u32(std::size_t at) const { return number(at, 4); }

 private:
  std::uint32_t number(std::size_t at, std::size_t count) const {
    if (at > bytes_.size() || bytes_.size() - at < count) give_up(DecodeFailure::damaged, "the file ends early");
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes_[at + (big_endian_ ? i : count - 1 - i)];
    return value;
  }

  ByteSpan bytes_;
  bool big_endian_;
};

}  // namespace triage::data
