// The two image formats behind decode_image(); errors name `origin`.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/image.h"

namespace triage::data {

inline constexpr std::uint64_t kMaxPixels = std::uint64_t{64} << 20;

// libjpeg with every warning (a premature end, bad codes) taken as an error. CMYK is refused, EXIF orientation ignored.
Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& origin);

// libpng; colour profiles and gamma are ignored, as most readers of training sets do.
Image decode_png(std::span<const std::uint8_t> bytes, const std::string& origin);

}  // namespace triage::data
