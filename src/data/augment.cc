#include "data/augment.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/error.h"

namespace triage::data {
namespace {

// Mirrors positions outside [0, n) at the border pixels, which are not repeated: -1 -> 1, n -> n - 2.
int reflect(int i, int n) { return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i; }

}  // namespace

std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

PixelPass::PixelPass(const DatasetInfo& info, const Normalization& normalization, PixelType type,
                     const AugmentOptions& options)
    : height_(info.height),
      width_(info.width),
      channels_(info.channels),
      cutout_(options.cutout),
      shift_(options.shift),
      type_(type),
      row_elements_(static_cast<std::size_t>(info.width) * info.channels),
      element_bytes_(type == PixelType::bf16 ? 2 : 4) {
  const auto channels = static_cast<std::size_t>(channels_);
  if (normalization.mean.size() != channels || normalization.stddev.size() != channels) {
    fail("{}: normalisation with {} means and {} deviations, expected {} of each", info.name, normalization.mean.size(),
         normalization.stddev.size(), channels);
  }
  if (shift_ < 0 || shift_ >= std::min(height_, width_)) {
    fail("{}: augmentation shift {}, expected 0 to {} for images of {}x{}", info.name, shift_,
         std::min(height_, width_) - 1, height_, width_);
  }
  if (cutout_ < 0) fail("{}: cutout {}, expected 0 or the side of the square in pixels", info.name, cutout_);
  for (std::size_t c = 0; c < channels; ++c) {
    const float mean = normalization.mean[c], stddev = normalization.stddev[c];
    if (!std::isfinite(mean) || !std::isfinite(stddev) || stddev <= 0) {
      fail("{}: normalisation of channel {} with mean {:.4g} and deviation {:.4g}, expected a positive deviation",
           info.name, c, mean, stddev);
    }
    for (int v = 0; v < 256; ++v) {
      const float value = (static_cast<float>(v) / 255.0f - mean) / stddev;
      fp32_.push_back(value);
      bf16_.push_back(to_bf16(value));
      bytes_.push_back(static_cast<std::uint8_t>(v));
    }
  }
  for (int shift = -shift_; shift <= shift_; ++shift) {
    for (int y = 0; y < height_; ++y) rows_.push_back(reflect(y + shift, height_));
    for (const bool flip : {false, true}) {
      for (int x = 0; x < width_; ++x) {
        const int from = reflect((flip ? width_ - 1 - x : x) + shift, width_);
        columns_.push_back(static_cast<std::uint32_t>(from * channels_));
      }
    }
  }
}

template <class T>
void PixelPass::run_plain(const T* table, const std::uint8_t* image, T* out) const {
  const std::size_t pixels = static_cast<std::size_t>(height_) * width_;
  for (std::size_t i = 0; i < pixels; ++i) {
    for (int c = 0; c < channels_; ++c) *out++ = table[c * 256 + *image++];
  }
}

template <class T, int kChannels>
void PixelPass::run(const T* table, const std::uint8_t* image, const Draw& draw, T* out) const {
  const std::uint32_t* columns = &columns_[static_cast<std::size_t>((draw.shift_x + shift_) * 2 + draw.flip) * width_];
  const int* rows = &rows_[static_cast<std::size_t>(draw.shift_y + shift_) * height_];
  for (int y = 0; y < height_; ++y) {
    const std::uint8_t* source = image + rows[y] * row_elements_;
    T* target = out + y * row_elements_;
    for (int x = 0; x < width_; ++x, target += kChannels) {
      const std::uint8_t* pixel = source + columns[x];
      for (int c = 0; c < kChannels; ++c) target[c] = table[c * 256 + pixel[c]];
    }
  }
}

template <class T>
void PixelPass::clear_holes(const Draw& draw, T* out) const {
  const auto clear = [&](int top, int left, int height, int width) {
    const int x_begin = std::max(left, 0), x_end = std::min(left + width, width_);
    for (int y = std::max(top, 0); y < std::min(top + height, height_); ++y)
      std::fill_n(out + y * row_elements_ + x_begin * channels_, (x_end - x_begin) * channels_, T{0});
  };
  if (cutout_ > 0) clear(draw.cut_y - cutout_ / 2, draw.cut_x - cutout_ / 2, cutout_, cutout_);
  clear(draw.erased.top, draw.erased.left, draw.erased.height, draw.erased.width);
}

void PixelPass::plain(const std::uint8_t* image, std::uint8_t* out) const {
  if (type_ == PixelType::bf16) {
    run_plain(bf16_.data(), image, reinterpret_cast<std::uint16_t*>(out));
  } else {
    run_plain(fp32_.data(), image, reinterpret_cast<float*>(out));
  }
}

void PixelPass::shifted(const std::uint8_t* image, const Draw& draw, std::uint8_t* bytes) const {
  if (channels_ == 3)
    run<std::uint8_t, 3>(bytes_.data(), image, draw, bytes);
  else
    run<std::uint8_t, 1>(bytes_.data(), image, draw, bytes);
}

void PixelPass::finished(const std::uint8_t* bytes, const Draw& draw, std::uint8_t* out) const {
  plain(bytes, out);
  if (type_ == PixelType::bf16)
    clear_holes(draw, reinterpret_cast<std::uint16_t*>(out));
  else
    clear_holes(draw, reinterpret_cast<float*>(out));
}

void PixelPass::augmented(const std::uint8_t* image, const Draw& draw, std::uint8_t* out) const {
  const auto to = [&]<class T>(const T* table, T* pixels) {
    if (channels_ == 3)
      run<T, 3>(table, image, draw, pixels);
    else
      run<T, 1>(table, image, draw, pixels);
    clear_holes(draw, pixels);
  };
  if (type_ == PixelType::bf16)
    to(bf16_.data(), reinterpret_cast<std::uint16_t*>(out));
  else
    to(fp32_.data(), reinterpret_cast<float*>(out));
}

}  // namespace triage::data
