// Depthwise convolutions for training on the CPU: forward, backward-data, backward-weights.
//
// Layout: images and their gradients are T, bf16 or float, channels last, dense ([N,H,W,C]); weights and their
// gradients are the fp32 masters, dense [C,1,k,k]. k is odd and at most kLargestDepthwise, the zero padding k / 2; y is
// ceil(H / stride) by ceil(W / stride). Products and sums are fp32, images are rounded to nearest even at the end.
//
// Sizes: any batch, height, width, stride >= 1. Fastest where the channels are a multiple of 16, then of 8; the
// gradient of the weights for k of 3, 5 and 7. Threads: each call runs on the OpenMP pool, images (of the weights'
// gradient groups of kGroupImages) side by side, and returns when all is written. Buffers must not overlap. Each thread
// that takes part keeps a workspace, for one image with its border 64 bytes a pixel, that grows and is freed with the
// thread. Determinism: the same bits for any number of threads. One source for AVX-512, AVX2 and the base target, of
// which the CPU's best runs (last bits may differ between them, by fused multiply-adds).
#pragma once

#include <cstddef>
#include <cstdint>

#include "supernet/kernels/conv3x3_bf16.h"

namespace triage::supernet {

inline constexpr int kLargestDepthwise = 11;  // k

struct DepthwiseShape {
  int batch, height, width, channels;  // of x
  int kernel, stride;

  int out_height() const { return (height + stride - 1) / stride; }
  int out_width() const { return (width + stride - 1) / stride; }
  std::size_t in_elements() const { return std::size_t(1) * batch * height * width * channels; }
  std::size_t out_elements() const { return std::size_t(1) * batch * out_height() * out_width() * channels; }
  std::size_t weights() const { return std::size_t(1) * channels * kernel * kernel; }
};

// x [N,H,W,C], weight [C,1,k,k] -> y [N,OH,OW,C].
template <class T>
void depthwise_forward(const DepthwiseShape& shape, const T* x, const float* weight, T* y);

// dy [N,OH,OW,C], weight -> dx [N,H,W,C].
template <class T>
void depthwise_backward_data(const DepthwiseShape& shape, const T* dy, const float* weight, T* dx);

// x, dy -> dweight [C,1,k,k], overwritten.
template <class T>
void depthwise_backward_weights(const DepthwiseShape& shape, const T* x, const T* dy, float* dweight);

}  // namespace triage::supernet
