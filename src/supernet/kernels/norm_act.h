// [2x2 max pool] + batch norm (learned bias) + ReLU, forward and backward, in few passes over memory.
//
// x is a convolution's output; z its 2x2 max pool (or x itself without a pool); y = relu((z - mean) * rstd + bias), of
// a residual layer relu((z - mean) * rstd + bias + what the Identity beside it passes on). A learned scale is part of
// rstd; without a ReLU y has no least value.
// Layout: activations are channels last, dense ([N,H,W,C]), T is bf16 or float; everything per channel is fp32 [C].
// An odd last row or column is dropped by the pool, as in PyTorch; ties go to the first of a window.
// The functions work on any range of images, so a caller can run them on what a convolution has just left in the cache;
// ranges other than the last must be multiples of kGroupImages.
// Threads: each call uses the OpenMP pool and returns when all is written. Buffers must not overlap unless said.
// Determinism: sums are formed per group of kGroupImages images and combined in order in double: the same bits for any
// number of threads and any cut into ranges. One source for AVX-512, AVX2 and the base target, of which the CPU's best
// runs (last bits may differ between them, by fused multiply-adds).
#pragma once

#include <cstddef>
#include <cstdint>

#include "supernet/kernels/conv3x3_bf16.h"

namespace triage::supernet {

inline constexpr int kGroupImages = 8;

struct NormActShape {
  int batch, height, width, channels;  // of x
  bool pool;

  int out_height() const { return pool ? height / 2 : height; }
  int out_width() const { return pool ? width / 2 : width; }
  std::size_t in_elements() const { return std::size_t(1) * batch * height * width * channels; }
  std::size_t out_elements() const { return std::size_t(1) * batch * out_height() * out_width() * channels; }
  int groups() const { return (batch + kGroupImages - 1) / kGroupImages; }
  std::size_t partial_floats() const { return std::size_t(2) * groups() * channels; }
  double count() const { return double(batch) * out_height() * out_width(); }  // values per channel
};

// What normalises: per channel [C].
struct Norm {
  const float* mean;
  const float* rstd;  // 1 / sqrt(variance + epsilon), times the scale where there is one
  const float* bias;
  float least = 0;  // of y: -infinity without a ReLU
};

// What a residual layer adds before its ReLU: [N,H,W,channels], whose first min(channels, C) channels count. None when
// x is null; not behind a pool.
template <class T>
struct Identity {
  const T* x = nullptr;
  int channels = 0;
};

// x -> z and argmax (0..3, row-major in the window; one byte per element of z), and the partial statistics of z
// ([groups][2][C]). Without a pool z and argmax are not touched and may be null.
template <class T>
void norm_statistics(const NormActShape& shape, const T* x, T* z, std::uint8_t* argmax, float* partial);

// Partial statistics of all groups of the whole batch -> mean and biased variance.
void combine_statistics(const NormActShape& shape, const float* partial, float* mean, float* variance);

// z -> y; may be in place.
template <class T>
void norm_relu(const NormActShape& shape, const T* z, const Norm& norm, T* y, const Identity<T>& identity = {});

// x -> y in one pass, with given statistics.
template <class T>
void norm_act_inference(const NormActShape& shape, const T* x, const Norm& norm, T* y);

// Backward of a ReLU, with g = dy where y > 0, else 0, and n = shape.count() of the whole batch:
// partial sums ([groups][2][C]) of g and of g * (z - mean) * rstd,
template <class T>
void norm_backward_sums(const NormActShape& shape, const T* dy, const T* z, const Norm& norm, float* partial);

// their totals (the first is the bias's gradient),
void combine_sums(const NormActShape& shape, const float* partial, float* sum_g, float* sum_gz);

// and dx = rstd * (g - mean_g - zhat * mean_gz) at the argmax, 0 elsewhere; all of dx is written. mean_g and mean_gz
// are the totals over n, or zeros when the statistics were constants.
template <class T>
void norm_backward_input(const NormActShape& shape, const T* dy, const T* z, const std::uint8_t* argmax,
                         const Norm& norm, const float* mean_g, const float* mean_gz, T* dx);

// A residual layer's backward. Its ReLU's mask is no function of z: relu_backward applies it (g = dy where y > 0, else
// 0), and a bias of +infinity lets all of g pass the functions above, as where there is no ReLU. add_identity_gradient
// adds g to dx [N,H,W,inputs], the gradient of what the identity passed on.
template <class T>
void relu_backward(const NormActShape& shape, const T* dy, const T* y, T* g);
template <class T>
void add_identity_gradient(const NormActShape& shape, const T* g, int inputs, T* dx);

// Maximum over all pixels: x [N,P,C] -> y [N,C] fp32 and its pixel (the first of equals); backward writes all of dx.
template <class T>
void global_max(int batch, int pixels, int channels, const T* x, float* y, std::int32_t* argmax);
template <class T>
void global_max_backward(int batch, int pixels, int channels, const float* dy, const std::int32_t* argmax, T* dx);

}  // namespace triage::supernet
