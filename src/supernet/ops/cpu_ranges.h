// What the CPU's layers share: sizes, buffers, and the walk over ranges of images whose maps stay in the cache.
#pragma once

#include <algorithm>
#include <cmath>

#include "supernet/convolution.h"
#include "supernet/kernels/norm_act.h"
#include "supernet/tensor_data.h"
#include "supernet/tensor_memory.h"

namespace triage::supernet {

// A convolution's output that is consumed at once stays in the cache when it is this small.
inline constexpr std::size_t kRangeBytes = 4 << 20;

inline NormActShape shape_of(const at::Tensor& x, const at::Tensor& weight, bool pool, const Convolution& convolution) {
  return {static_cast<int>(x.size(0)), static_cast<int>(convolved(x.size(2), convolution.stride)),
          static_cast<int>(convolved(x.size(3), convolution.stride)), static_cast<int>(weight.size(0)), pool};
}

inline at::Tensor output_buffer(const NormActShape& shape, at::ScalarType type) {
  return channels_last_buffer(shape.batch, shape.channels, shape.out_height(), shape.out_width(), type);
}

// Calls body(shape of the range, first image) on ranges of images whose convolution output stays in the cache.
template <class Body>
void over_ranges(const NormActShape& shape, const Body& body) {
  const std::size_t image_bytes = shape.in_elements() / shape.batch * sizeof(bf16);
  const int fit = static_cast<int>(std::clamp<std::size_t>(kRangeBytes / image_bytes, 16, 1 << 20));
  const int ranges = (shape.batch + fit - 1) / fit;
  const int step = ((shape.batch + ranges - 1) / ranges + kGroupImages - 1) / kGroupImages * kGroupImages;
  for (int first = 0; first < shape.batch; first += step) {
    NormActShape part = shape;
    part.batch = std::min(step, shape.batch - first);
    body(part, first);
  }
}

// The images of a range.
inline at::Tensor range_of(const at::Tensor& t, const NormActShape& part, int first) {
  return t.narrow(0, first, part.batch);
}

// For the convolution's output, or its gradient, of the largest range.
inline at::Tensor range_scratch(const NormActShape& shape, at::ScalarType type) {
  int images = 0;
  over_ranges(shape, [&](const NormActShape& part, int) { images = std::max(images, part.batch); });
  return channels_last_buffer(images, shape.channels, shape.height, shape.width, type);
}

// 1 / sqrt(variance + epsilon), in double.
inline at::Tensor rstd_of(const at::Tensor& variance, double epsilon) {
  at::Tensor rstd = at::empty_like(variance);
  const float* const v = variance.const_data_ptr<float>();
  float* const r = rstd.mutable_data_ptr<float>();
  for (std::int64_t c = 0; c < variance.numel(); ++c) r[c] = static_cast<float>(1 / std::sqrt(v[c] + epsilon));
  return rstd;
}

}  // namespace triage::supernet
