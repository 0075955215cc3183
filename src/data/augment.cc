#include "data/augment.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/rng.h"

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

Draw make_draw(const AugmentOptions& options, int height, int width, std::uint64_t seed, std::uint64_t epoch,
               std::uint32_t index) {
  Draw draw;
  Rng rng(derive_seed(derive_seed(seed, "augment", epoch), "image", index));
  if (options.shift > 0) {
    const auto choices = static_cast<std::uint32_t>(2 * options.shift + 1);
    draw.shift_y = static_cast<int>(rng.below(choices)) - options.shift;
    draw.shift_x = static_cast<int>(rng.below(choices)) - options.shift;
  }
  if (options.flip) draw.flip = ((derive_seed(seed, "flip", index) ^ epoch) & 1) != 0;
  if (options.cutout > 0) {
    draw.cut_y = static_cast<int>(rng.below(static_cast<std::uint32_t>(height)));
    draw.cut_x = static_cast<int>(rng.below(static_cast<std::uint32_t>(width)));
  }
  return draw;
}

std::vector<std::uint32_t> epoch_order(std::size_t images, const LoaderOptions& options, std::uint64_t epoch) {
  return random_permutation(static_cast<std::uint32_t>(images), derive_seed(options.seed, "order", epoch));
}

std::uint64_t epoch_view(const LoaderOptions& options, std::uint64_t epoch) {
  return options.views > 0 ? epoch % static_cast<std::uint64_t>(options.views) : epoch;
}

std::vector<std::int32_t> draw_rows(const DatasetInfo& info, std::span<const std::uint32_t> indices,
                                    const LoaderOptions& options, std::uint64_t epoch) {
  const std::vector<std::uint32_t> order = epoch_order(indices.size(), options, epoch);
  const std::uint64_t view = epoch_view(options, epoch);
  const std::size_t count = indices.size() - indices.size() % static_cast<std::size_t>(options.batch);
  std::vector<std::int32_t> rows;
  rows.reserve(count * kDrawColumns);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t index = indices[order[i]];
    const Draw draw = make_draw(options.augment, info.height, info.width, options.seed, view, index);
    rows.insert(rows.end(),
                {static_cast<std::int32_t>(index), draw.shift_y, draw.shift_x, draw.flip, draw.cut_y, draw.cut_x});
  }
  return rows;
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
  if (cutout_ == 0) return;
  const int top = draw.cut_y - cutout_ / 2, left = draw.cut_x - cutout_ / 2;
  const int x_begin = std::max(left, 0), x_end = std::min(left + cutout_, width_);
  for (int y = std::max(top, 0); y < std::min(top + cutout_, height_); ++y) {
    std::fill_n(out + y * row_elements_ + x_begin * kChannels, (x_end - x_begin) * kChannels, T{0});  // 0 is the mean
  }
}

void PixelPass::plain(const std::uint8_t* image, std::uint8_t* out) const {
  if (type_ == PixelType::bf16) {
    run_plain(bf16_.data(), image, reinterpret_cast<std::uint16_t*>(out));
  } else {
    run_plain(fp32_.data(), image, reinterpret_cast<float*>(out));
  }
}

void PixelPass::augmented(const std::uint8_t* image, const Draw& draw, std::uint8_t* out) const {
  auto* half = reinterpret_cast<std::uint16_t*>(out);
  auto* full = reinterpret_cast<float*>(out);
  if (type_ == PixelType::bf16) {
    if (channels_ == 3) {
      run<std::uint16_t, 3>(bf16_.data(), image, draw, half);
    } else {
      run<std::uint16_t, 1>(bf16_.data(), image, draw, half);
    }
  } else if (channels_ == 3) {
    run<float, 3>(fp32_.data(), image, draw, full);
  } else {
    run<float, 1>(fp32_.data(), image, draw, full);
  }
}

}  // namespace triage::data
