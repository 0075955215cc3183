#include <algorithm>

#include "core/error.h"
#include "data/image/image.h"

namespace triage::data {

Image to_channels(const Image& image, int channels) {
  if (channels != 1 && channels != 3) fail("{} channels asked for, expected 1 or 3", channels);
  if (channels == image.channels) return image;
  const std::size_t count = static_cast<std::size_t>(image.height) * image.width;
  Image out{image.height, image.width, channels, std::vector<std::uint8_t>(count * channels)};
  for (std::size_t i = 0; i < count; ++i) {
    if (channels == 3) {
      std::fill_n(&out.pixels[3 * i], 3, image.pixels[i]);
    } else {
      const std::uint8_t* rgb = &image.pixels[3 * i];
      out.pixels[i] = static_cast<std::uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
    }
  }
  return out;
}

}  // namespace triage::data
