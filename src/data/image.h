// Image files <-> 8 bit pixels [height, width, channels].
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/file.h"

namespace triage::data {

struct Image {
  int height = 0, width = 0, channels = 0;  // channels 1 or 3
  std::vector<std::uint8_t> pixels;
};

// JPEG or PNG by content. `origin` names the file in errors. Alpha is composed on white, 16 bit becomes 8, palettes
// become colour. Images over 64 megapixels are refused.
Image decode_image(std::span<const std::uint8_t> bytes, const std::string& origin);
Image load_image(const fs::path& path);
std::vector<std::uint8_t> encode_png(const Image& image);

Image resize(const Image& image, int height, int width);
Image to_channels(const Image& image, int channels);  // grey <-> colour (Rec. 601 luma)

}  // namespace triage::data
