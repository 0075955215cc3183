// What augmentation does to the bytes of one image, in integer arithmetic (train/device/pixel_tensors.h has the same
// for a batch of a device). In this order: the warp; brightness, contrast, saturation; the operation of TrivialAugment.
// Shift and flip follow, then mixing (mix_pixels), normalisation, and what is set to the mean (augment.h).
#pragma once

#include <cstdint>
#include <vector>

#include "data/draws.h"

namespace triage::data {

constexpr int kMaxAugmentedSide = 4096;  // pixels: positions stay inside 32 bits

// Thread-safe after construction.
class PixelOps {
 public:
  // normalization: its mean is what a warp shows where the image ends. Throws Error for images beyond
  // kMaxAugmentedSide.
  PixelOps(const DatasetInfo& info, const Normalization& normalization, const AugmentOptions& options);

  bool any() const { return any_; }
  const std::vector<std::uint8_t>& fill() const { return fill_; }  // [channels]

  // image [height, width, channels] -> one of its size, in `storage`, or the image itself where nothing is done.
  const std::uint8_t* operator()(const std::uint8_t* image, const Draw& draw, std::vector<std::uint8_t>& storage) const;

 private:
  void warp(const std::uint8_t* image, const Warp& warp, std::uint8_t* out) const;
  void apply(ColorOp op, std::int32_t level, std::uint8_t* image) const;
  void sharpen(std::int32_t factor, std::uint8_t* image) const;
  void stretch(std::uint8_t* image) const;  // autocontrast
  void equalize(std::uint8_t* image) const;

  int height_, width_, channels_;
  bool any_;
  std::vector<std::uint8_t> fill_;
};

// (x * share + y * (1 - share)) of each byte, or y in the pasted box of a draw and x elsewhere. Sizes in pixels.
void mix_pixels(const std::uint8_t* x, const std::uint8_t* y, const Draw& draw, int height, int width, int channels,
                std::uint8_t* out);

}  // namespace triage::data
