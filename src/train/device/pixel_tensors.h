// data::PixelOps and data::mix_pixels for a batch on a device: the same integer arithmetic, the same bits. Every
// operation is computed for every image and the drawn one chosen, so that no shape depends on a draw (a step is
// captured as a graph).
#pragma once

#include <torch/types.h>

#include <vector>

#include "data/draws.h"

namespace triage::train {

// A column of a table of draws ([n, data::kDrawColumns] int32) as [n, 1, 1, 1].
at::Tensor draw_column(const at::Tensor& draws, data::DrawColumn column);

// The bytes of a data set, [images * H * W, C] uint8; fill: what lies beyond an image.
struct StoredImages {
  at::Tensor pixels;
  int height, width, channels;
  at::Tensor fill;  // [C] int32
};

// [n, H, W, C] int32: the images of the draws, warped where the options warp.
at::Tensor warped_pixels(const StoredImages& images, const at::Tensor& draws, const data::AugmentOptions& options);

// Brightness, contrast, saturation, then the operation of TrivialAugment. pixels: [n, H, W, C] int32.
at::Tensor colored_pixels(const at::Tensor& pixels, const at::Tensor& draws, const data::AugmentOptions& options);

// Each image with the next one, the last one with the first.
at::Tensor mixed_pixels(const at::Tensor& pixels, const at::Tensor& draws);

// [n, H, W, 1] bool: inside of the box whose columns of a draw begin at `top` (top, left, height, width).
at::Tensor inside_box(const at::Tensor& draws, data::DrawColumn top, int height, int width);

}  // namespace triage::train
