// Photographs brought to the size of a network's input, in one way for import and predict.
#pragma once

#include "core/statistics/fit.h"
#include "data/image/image.h"

namespace triage::data {

// Part of an image: its rows are `row_bytes` apart. Not owned.
struct PixelRows {
  const std::uint8_t* pixels = nullptr;
  std::size_t row_bytes = 0;
  int height = 0, width = 0, channels = 0;
};

// Area average when shrinking, bilinear between the centres of pixels when growing; each axis by itself.
Image resize(const PixelRows& part, int height, int width);
Image resize(const Image& image, int height, int width);

Image resize(const Image& image, int height, int width, Fit fit);

// try_load() for an image of exactly this size: may decode at a fraction (DecodeOptions), then resize().
struct FitOptions {
  int height = 0, width = 0;
  Fit fit = Fit::squash;
  DecodeOptions decode;  // its target is set here
};
Decoded try_load_resized(const fs::path& path, const FitOptions& options);
Decoded try_decode_resized(std::span<const std::uint8_t> bytes, const FitOptions& options);

}  // namespace triage::data
