// 3x3 convolutions for training on CPUs with AVX512-BF16: forward, backward-data, backward-weights.
//
// Layout: activations and their gradients are bf16, channels last, dense ([N,H,W,C]); weights and their gradients are
// the fp32 masters, dense [OC,IC,3,3]. Stride 1, zero padding 1. Products are bf16 x bf16 (weights are rounded to bf16
// inside), sums are fp32, activations are rounded to nearest even at the end. Like the instruction vdpbf16ps, all treat
// denormals as zero.
//
// Sizes: any height, width >= 1, any batch and channel counts >= 1. Fastest where the batch is a multiple of 8 and
// channel counts are multiples of 8: the batch is what fills the register tiles, a batch of 1 costs as much as 8.
//
// Threads: each call runs on the OpenMP pool (omp_get_max_threads()) and returns when all is written. Calls from
// several threads at once are fine as long as their outputs do not overlap.
//
// Memory: each thread that takes part keeps a workspace (a few MB; up to 20 MB for Winograd backward-weights) that
// grows and is freed with the thread. Buffers belong to the caller, need no alignment and must not overlap.
//
// Determinism: the same inputs give the same bits on every run and for every number of threads.
#pragma once

#include <cstdint>

namespace triage::supernet {

using bf16 = std::uint16_t;  // the raw bits: upper half of an IEEE float

struct Conv3x3Shape {
  int batch, height, width, in_channels, out_channels;
};

// Whether this CPU (and its OS) can run the functions below; elsewhere they throw triage::Error.
bool conv3x3_bf16_supported();

// x [N,H,W,IC], weight [OC,IC,3,3] -> y [N,H,W,OC].
void conv3x3_forward(const Conv3x3Shape& shape, const bf16* x, const float* weight, bf16* y);

// dy [N,H,W,OC], weight [OC,IC,3,3] -> dx [N,H,W,IC].
void conv3x3_backward_data(const Conv3x3Shape& shape, const bf16* dy, const float* weight, bf16* dx);

// x [N,H,W,IC], dy [N,H,W,OC] -> dweight [OC,IC,3,3], overwritten.
void conv3x3_backward_weights(const Conv3x3Shape& shape, const bf16* x, const bf16* dy, float* dweight);

// The same three by Winograd's F(2x2, 3x3): 16 products where direct convolution has 36, hence up to 1.7 times as fast
// from some 64 channels on, and no faster for the smallest layers (bench/conv3x3_bench.cc shows which). Everything said
// above holds, but values are rounded to bf16 once more, after the transforms: against exact arithmetic on the same x
// and fp32 weights the error of y is about 0.0045 of its standard deviation, where direct convolution has 0.0023 and
// rounding y to bf16 alone 0.0017.
void conv3x3_winograd_forward(const Conv3x3Shape& shape, const bf16* x, const float* weight, bf16* y);
void conv3x3_winograd_backward_data(const Conv3x3Shape& shape, const bf16* dy, const float* weight, bf16* dx);
void conv3x3_winograd_backward_weights(const Conv3x3Shape& shape, const bf16* x, const bf16* dy, float* dweight);

}  // namespace triage::supernet
