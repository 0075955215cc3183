#include "data/image/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"

namespace triage::data {
namespace {

struct Tap {
  int from = 0;
  float weight = 0;
};

// For each output position the input positions it is made of; weights sum to 1.
struct Taps {
  std::vector<Tap> taps;
  std::vector<std::size_t> begin;  // of each output position, and the end
  std::span<const Tap> of(int position) const {
    return std::span(taps).subspan(begin[position], begin[position + 1] - begin[position]);
  }
};

Taps make_taps(int in, int out) {
  Taps made;
  const double scale = static_cast<double>(in) / out;
  for (int o = 0; o < out; ++o) {
    made.begin.push_back(made.taps.size());
    if (in > out) {  // area: the share of each input cell under the output cell
      const double low = o * scale, high = (o + 1) * scale;
      for (int i = static_cast<int>(low); i < in && i < high; ++i) {
        const double covered = std::min<double>(i + 1, high) - std::max<double>(i, low);
        if (covered > 1e-9) made.taps.push_back({i, static_cast<float>(covered / scale)});
      }
    } else {  // bilinear between the centres of cells, the border repeated
      const double centre = (o + 0.5) * scale - 0.5;
      const int left = static_cast<int>(std::floor(centre));
      const auto share = static_cast<float>(centre - left);
      made.taps.push_back({std::clamp(left, 0, in - 1), 1 - share});
      if (share > 0) made.taps.push_back({std::clamp(left + 1, 0, in - 1), share});
    }
  }
  made.begin.push_back(made.taps.size());
  return made;
}

// Rows of the input by their weights, summed in their order. [width * channels]
void mix_rows(const PixelRows& part, std::span<const Tap> taps, std::span<float> line) {
  const auto row = [&](const Tap& tap) { return part.pixels + tap.from * part.row_bytes; };
  const std::uint8_t* first = row(taps[0]);
  const std::size_t count = static_cast<std::size_t>(part.width) * part.channels;
  if (taps.size() == 1) {
    for (std::size_t i = 0; i < count; ++i) line[i] = taps[0].weight * static_cast<float>(first[i]);
    return;
  }
  const std::uint8_t* second = row(taps[1]);
  for (std::size_t i = 0; i < count; ++i) {
    line[i] = taps[0].weight * static_cast<float>(first[i]) + taps[1].weight * static_cast<float>(second[i]);
  }
  for (const Tap& tap : taps.subspan(2)) {
    const std::uint8_t* more = row(tap);
    for (std::size_t i = 0; i < count; ++i) line[i] += tap.weight * static_cast<float>(more[i]);
  }
}

// What mix_rows() made to one row of the output.
void mix_columns_grey(const float* line, const Taps& columns, int width, std::uint8_t* target) {
  for (int x = 0; x < width; ++x) {
    float sum = 0;
    for (const Tap& tap : columns.of(x)) sum += tap.weight * line[tap.from];
    *target++ = static_cast<std::uint8_t>(std::clamp(sum + 0.5f, 0.0f, 255.0f));
  }
}

// The same of three channels, a pixel and the value behind it at a time: `line` is one longer than its row.
void mix_columns_colour(const float* line, const Taps& columns, int width, std::uint8_t* target) {
  using Four [[gnu::vector_size(16)]] = float;
  using FourInts [[gnu::vector_size(16)]] = std::int32_t;
  for (int x = 0; x < width; ++x) {
    Four sum = {0, 0, 0, 0};
    for (const Tap& tap : columns.of(x)) {
      Four pixel;
      std::memcpy(&pixel, line + static_cast<std::size_t>(tap.from) * 3, sizeof pixel);
      sum += tap.weight * pixel;
    }
    sum += 0.5f;
    sum = sum < 0.0f ? Four{} : sum;
    sum = sum > 255.0f ? Four{} + 255.0f : sum;
    const FourInts values = __builtin_convertvector(sum, FourInts);
    for (int c = 0; c < 3; ++c) *target++ = static_cast<std::uint8_t>(values[c]);
  }
}

int rounded(double value) { return std::max(1, static_cast<int>(std::lround(value))); }

PixelRows all_of(const Image& image) {
  return {image.pixels.data(), static_cast<std::size_t>(image.width) * image.channels, image.height, image.width,
          image.channels};
}

// The largest middle part with the aspect ratio height:width.
PixelRows middle(const Image& image, int height, int width) {
  const double scale = std::min(static_cast<double>(image.height) / height, static_cast<double>(image.width) / width);
  PixelRows part = all_of(image);
  part.height = std::min(image.height, rounded(height * scale));
  part.width = std::min(image.width, rounded(width * scale));
  const int top = (image.height - part.height) / 2, left = (image.width - part.width) / 2;
  part.pixels += top * part.row_bytes + static_cast<std::size_t>(left) * image.channels;
  return part;
}

// The whole image as large as it fits, black around it.
Image padded(const Image& image, int height, int width) {
  const double scale = std::min(static_cast<double>(height) / image.height, static_cast<double>(width) / image.width);
  Image inner =
      resize(image, std::min(height, rounded(image.height * scale)), std::min(width, rounded(image.width * scale)));
  if (inner.height == height && inner.width == width) return inner;
  const int top = (height - inner.height) / 2, left = (width - inner.width) / 2;
  Image out{height, width, image.channels, {}};
  out.pixels.resize(static_cast<std::size_t>(height) * width * image.channels);
  const std::size_t row = static_cast<std::size_t>(inner.width) * image.channels;
  for (int y = 0; y < inner.height; ++y) {
    const std::size_t to = (static_cast<std::size_t>(top + y) * width + left) * image.channels;
    std::copy_n(&inner.pixels[y * row], row, &out.pixels[to]);
  }
  return out;
}

template <class Decode>
Decoded resized(const FitOptions& options, Decode decode) {
  DecodeOptions wanted = options.decode;
  wanted.target_height = options.height;
  wanted.target_width = options.width;
  Decoded decoded = decode(wanted);
  if (decoded.image) decoded.image = resize(*decoded.image, options.height, options.width, options.fit);
  return decoded;
}

}  // namespace

Image resize(const PixelRows& part, int height, int width) {
  if (height < 1 || width < 1) fail("resize to {}x{}: sides must be at least 1", height, width);
  const int channels = part.channels;
  const std::size_t in_row = static_cast<std::size_t>(part.width) * channels;
  const std::size_t out_row = static_cast<std::size_t>(width) * channels;
  Image out{height, width, channels, std::vector<std::uint8_t>(out_row * height)};
  if (height == part.height && width == part.width) {
    for (int y = 0; y < height; ++y) std::copy_n(part.pixels + y * part.row_bytes, in_row, &out.pixels[y * out_row]);
    return out;
  }
  const Taps rows = make_taps(part.height, height), columns = make_taps(part.width, width);
  std::vector<float> line(in_row + 1);  // one output row, still as wide as the input
  for (int y = 0; y < height; ++y) {
    mix_rows(part, rows.of(y), line);
    std::uint8_t* target = out.pixels.data() + y * out_row;
    channels == 3 ? mix_columns_colour(line.data(), columns, width, target)
                  : mix_columns_grey(line.data(), columns, width, target);
  }
  return out;
}

Image resize(const Image& image, int height, int width) { return resize(all_of(image), height, width); }

Image resize(const Image& image, int height, int width, Fit fit) {
  if (height < 1 || width < 1) fail("resize to {}x{}: sides must be at least 1", height, width);
  switch (fit) {
    case Fit::squash:
      return resize(image, height, width);
    case Fit::crop:
      return resize(middle(image, height, width), height, width);
    case Fit::pad:
      return padded(image, height, width);
  }
  fail("fit {}: no such fit", static_cast<int>(fit));
}

Decoded try_load_resized(const fs::path& path, const FitOptions& options) {
  return resized(options, [&](const DecodeOptions& wanted) { return try_load(path, wanted); });
}

Decoded try_decode_resized(std::span<const std::uint8_t> bytes, const FitOptions& options) {
  return resized(options, [&](const DecodeOptions& wanted) { return try_decode(bytes, wanted); });
}

}  // namespace triage::data
