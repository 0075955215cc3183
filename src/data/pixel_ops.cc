#include "data/pixel_ops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/error.h"

namespace triage::data {
namespace {

constexpr int kRed = 19595, kGreen = 38470, kBlue = 7471;  // of Rec. 601, in 1 / 65536

int blend(int dull, int value, int factor) {
  return std::clamp((dull * (kOne - factor) + value * factor + kOne / 2) >> 16, 0, 255);
}

int grey_of(const std::uint8_t* pixel, int channels) {
  return channels == 3 ? (kRed * pixel[0] + kGreen * pixel[1] + kBlue * pixel[2] + kOne / 2) >> 16 : pixel[0];
}

void look_up(const std::array<std::uint8_t, 256>& table, int channel, int channels, std::size_t pixels,
             std::uint8_t* image) {
  for (std::size_t i = 0; i < pixels; ++i) {
    std::uint8_t& value = image[i * static_cast<std::size_t>(channels) + static_cast<std::size_t>(channel)];
    value = table[value];
  }
}

// Calls of(old value) for every byte.
template <class Of>
void each_byte(std::size_t bytes, std::uint8_t* image, const Of& of) {
  for (std::size_t i = 0; i < bytes; ++i) image[i] = static_cast<std::uint8_t>(of(image[i]));
}

}  // namespace

PixelOps::PixelOps(const DatasetInfo& info, const Normalization& normalization, const AugmentOptions& options)
    : height_(info.height), width_(info.width), channels_(info.channels), any_(options.warps() || options.jitters()) {
  for (const float mean : normalization.mean)
    fill_.push_back(static_cast<std::uint8_t>(std::clamp(std::lround(255 * mean), 0L, 255L)));
  if (any_ && std::max(height_, width_) > kMaxAugmentedSide)
    fail("{}: augmentation of images of {}x{}, expected sides up to {}", info.name, height_, width_, kMaxAugmentedSide);
}

const std::uint8_t* PixelOps::operator()(const std::uint8_t* image, const Draw& draw,
                                         std::vector<std::uint8_t>& storage) const {
  if (!any_) return image;
  const std::size_t bytes = static_cast<std::size_t>(height_) * width_ * channels_;
  storage.resize(bytes);
  if (draw.warp == Warp{})
    std::memcpy(storage.data(), image, bytes);
  else
    warp(image, draw.warp, storage.data());
  for (const auto& [op, level] :
       {std::pair(ColorOp::brightness, draw.brightness), std::pair(ColorOp::contrast, draw.contrast),
        std::pair(ColorOp::saturation, draw.saturation)})
    if (level != kOne) apply(op, level, storage.data());
  apply(draw.op, draw.level, storage.data());
  return storage.data();
}

// Bilinear, with 8 bits of the position between two pixels.
void PixelOps::warp(const std::uint8_t* image, const Warp& w, std::uint8_t* out) const {
  const auto outside = [](int position, int side) {
    return position < -kOne / 2 || position >= side * kOne - kOne / 2;
  };
  for (int y = 0; y < height_; ++y) {
    for (int x = 0; x < width_; ++x, out += channels_) {
      const int row = w.yy * y + w.yx * x + w.y0, column = w.xy * y + w.xx * x + w.x0;
      if (outside(row, height_) || outside(column, width_)) {
        std::copy(fill_.begin(), fill_.end(), out);
        continue;
      }
      const auto line = [&](int i) { return image + std::clamp(i, 0, height_ - 1) * width_ * channels_; };
      const auto place = [&](int i) { return std::clamp(i, 0, width_ - 1) * channels_; };
      const int down = row >> 8 & 255, right = column >> 8 & 255;
      const std::uint8_t *above = line(row >> 16), *below = line((row >> 16) + 1);
      const int left = place(column >> 16), next = place((column >> 16) + 1);
      for (int c = 0; c < channels_; ++c) {
        const int top = (256 - right) * above[left + c] + right * above[next + c];
        const int bottom = (256 - right) * below[left + c] + right * below[next + c];
        out[c] = static_cast<std::uint8_t>(((256 - down) * top + down * bottom + kOne / 2) >> 16);
      }
    }
  }
}

void PixelOps::apply(ColorOp op, std::int32_t level, std::uint8_t* image) const {
  const std::size_t pixels = static_cast<std::size_t>(height_) * width_, bytes = pixels * channels_;
  switch (op) {
    case ColorOp::none:
      return;
    case ColorOp::brightness:
      return each_byte(bytes, image, [&](int v) { return blend(0, v, level); });
    case ColorOp::contrast: {
      std::int64_t sum = 0;
      for (std::size_t i = 0; i < pixels; ++i) sum += grey_of(image + i * channels_, channels_);
      const auto count = static_cast<std::int64_t>(pixels);
      const auto mean = static_cast<int>((sum + count / 2) / count);
      return each_byte(bytes, image, [&](int v) { return blend(mean, v, level); });
    }
    case ColorOp::saturation:
      for (std::size_t i = 0; i < pixels && channels_ == 3; ++i) {
        std::uint8_t* const pixel = image + i * 3;
        const int grey = grey_of(pixel, 3);
        each_byte(3, pixel, [&](int v) { return blend(grey, v, level); });
      }
      return;
    case ColorOp::sharpness:
      return sharpen(level, image);
    case ColorOp::posterize:
      return each_byte(bytes, image, [&](int v) { return v & level; });
    case ColorOp::solarize:
      return each_byte(bytes, image, [&](int v) { return v >= level ? 255 - v : v; });
    case ColorOp::autocontrast:
      return stretch(image);
    case ColorOp::equalize:
      return equalize(image);
  }
}

// The smoothed image is PIL's: the pixel 5 times, its 8 neighbours once; the border stays.
void PixelOps::sharpen(std::int32_t factor, std::uint8_t* image) const {
  const std::vector<std::uint8_t> from(image, image + static_cast<std::size_t>(height_) * width_ * channels_);
  const auto at = [&](int y, int x, int c) { return from[(static_cast<std::size_t>(y) * width_ + x) * channels_ + c]; };
  for (int y = 1; y < height_ - 1; ++y) {
    for (int x = 1; x < width_ - 1; ++x) {
      for (int c = 0; c < channels_; ++c) {
        int sum = 4 * at(y, x, c);
        for (int dy = -1; dy <= 1; ++dy)
          for (int dx = -1; dx <= 1; ++dx) sum += at(y + dy, x + dx, c);
        image[(static_cast<std::size_t>(y) * width_ + x) * channels_ + c] =
            static_cast<std::uint8_t>(blend((sum + 6) / 13, at(y, x, c), factor));
      }
    }
  }
}

void PixelOps::stretch(std::uint8_t* image) const {
  const std::size_t pixels = static_cast<std::size_t>(height_) * width_;
  for (int c = 0; c < channels_; ++c) {
    int low = 255, high = 0;
    for (std::size_t i = 0; i < pixels; ++i) {
      low = std::min<int>(low, image[i * channels_ + c]);
      high = std::max<int>(high, image[i * channels_ + c]);
    }
    if (high == low) continue;
    std::array<std::uint8_t, 256> table{};
    for (int v = low; v <= high; ++v)
      table[v] = static_cast<std::uint8_t>(((v - low) * 255 + (high - low) / 2) / (high - low));
    look_up(table, c, channels_, pixels, image);
  }
}

// As PIL.ImageOps.equalize.
void PixelOps::equalize(std::uint8_t* image) const {
  const std::size_t pixels = static_cast<std::size_t>(height_) * width_;
  for (int c = 0; c < channels_; ++c) {
    std::array<int, 256> counts{};
    for (std::size_t i = 0; i < pixels; ++i) ++counts[image[i * channels_ + c]];
    const auto last = std::find_if(counts.rbegin(), counts.rend(), [](int n) { return n > 0; });
    const int step = (static_cast<int>(pixels) - *last) / 255;
    if (step == 0) continue;
    std::array<std::uint8_t, 256> table{};
    int below = step / 2;
    for (int v = 0; v < 256; below += counts[v++]) table[v] = static_cast<std::uint8_t>(std::min(below / step, 255));
    look_up(table, c, channels_, pixels, image);
  }
}

void mix_pixels(const std::uint8_t* x, const std::uint8_t* y, const Draw& draw, int height, int width, int channels,
                std::uint8_t* out) {
  const std::size_t row = static_cast<std::size_t>(width) * channels, bytes = row * height;
  if (draw.pasted.height == 0) {
    for (std::size_t i = 0; i < bytes; ++i)
      out[i] = static_cast<std::uint8_t>((x[i] * draw.share + y[i] * (kOne - draw.share) + kOne / 2) >> 16);
    return;
  }
  std::memcpy(out, x, bytes);
  const Box& box = draw.pasted;
  for (int line = box.top; line < box.top + box.height; ++line) {
    const std::size_t begin = line * row + static_cast<std::size_t>(box.left) * channels;
    std::memcpy(out + begin, y + begin, static_cast<std::size_t>(box.width) * channels);
  }
}

}  // namespace triage::data
