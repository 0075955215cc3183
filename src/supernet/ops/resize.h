// Images at another size, as a net of a resolution of its own sees them.
#pragma once

#include <torch/types.h>

namespace triage::supernet {

// images: [N, C, H, W], any type, on any device -> [N, C, height, width] in `type`. Bilinear, antialiased: the weights
// of preprocess::squashed_preprocess, but nothing is rounded to 8 bits. Without gradient.
at::Tensor resized(const at::Tensor& images, std::int64_t height, std::int64_t width, at::ScalarType type);

}  // namespace triage::supernet
