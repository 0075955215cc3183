#include "data/image.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "data/codec.h"

namespace triage::data {
namespace {

struct Tap {
  int from = 0;
  float weight = 0;
};

// For each output position the input positions it is made of; weights sum to 1.
std::vector<std::vector<Tap>> make_taps(int in, int out) {
  std::vector<std::vector<Tap>> taps(out);
  const double scale = static_cast<double>(in) / out;
  for (int o = 0; o < out; ++o) {
    if (in > out) {  // area: the share of each input cell under the output cell
      const double low = o * scale, high = (o + 1) * scale;
      for (int i = static_cast<int>(low); i < in && i < high; ++i) {
        const double covered = std::min<double>(i + 1, high) - std::max<double>(i, low);
        if (covered > 1e-9) taps[o].push_back({i, static_cast<float>(covered / scale)});
      }
    } else {  // bilinear between the centres of cells, the border repeated
      const double centre = (o + 0.5) * scale - 0.5;
      const int left = static_cast<int>(std::floor(centre));
      const auto share = static_cast<float>(centre - left);
      taps[o].push_back({std::clamp(left, 0, in - 1), 1 - share});
      if (share > 0) taps[o].push_back({std::clamp(left + 1, 0, in - 1), share});
    }
  }
  return taps;
}

}  // namespace

Image decode_image(std::span<const std::uint8_t> bytes, const std::string& origin) {
  static constexpr std::uint8_t kJpeg[] = {0xff, 0xd8, 0xff}, kPng[] = {0x89, 'P', 'N', 'G'};
  const auto starts_with = [&](std::span<const std::uint8_t> magic) {
    return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
  };
  if (starts_with(kJpeg)) return decode_jpeg(bytes, origin);
  if (starts_with(kPng)) return decode_png(bytes, origin);
  if (bytes.empty()) fail("{}: empty file, expected a JPEG or PNG image", origin);
  std::string found;
  for (const std::uint8_t byte : bytes.first(std::min<std::size_t>(4, bytes.size()))) {
    found += std::format("{}{:02x}", found.empty() ? "" : " ", byte);
  }
  fail("{}: starts with bytes {}, expected a JPEG or PNG image", origin, found);
}

Image load_image(const fs::path& path) {
  const std::string bytes = read_file(path);
  return decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, path.string());
}

Image resize(const Image& image, int height, int width) {
  if (height < 1 || width < 1) fail("resize to {}x{}: sides must be at least 1", height, width);
  if (height == image.height && width == image.width) return image;
  const int channels = image.channels;
  const auto rows = make_taps(image.height, height), columns = make_taps(image.width, width);
  const std::size_t in_row = static_cast<std::size_t>(image.width) * channels;
  const std::size_t out_row = static_cast<std::size_t>(width) * channels;
  std::vector<float> line(in_row);  // one output row, still as wide as the input
  Image out{height, width, channels, std::vector<std::uint8_t>(out_row * height)};
  for (int y = 0; y < height; ++y) {
    std::fill(line.begin(), line.end(), 0.0f);
    for (const Tap& tap : rows[y]) {
      const std::uint8_t* source = image.pixels.data() + tap.from * in_row;
      for (std::size_t i = 0; i < in_row; ++i) line[i] += tap.weight * static_cast<float>(source[i]);
    }
    std::uint8_t* target = out.pixels.data() + y * out_row;
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        float sum = 0;
        for (const Tap& tap : columns[x]) sum += tap.weight * line[static_cast<std::size_t>(tap.from) * channels + c];
        *target++ = static_cast<std::uint8_t>(std::clamp(sum + 0.5f, 0.0f, 255.0f));
      }
    }
  }
  return out;
}

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
