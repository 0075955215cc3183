// The work on one image of the depthwise convolutions, as a table of functions per instruction set.
// depthwise_kernels-inl.h holds the one source; depthwise_avx512.cc, depthwise_avx2.cc and depthwise_portable.cc
// compile it for their targets.
#pragma once

#include <algorithm>

#include "supernet/kernels/depthwise.h"

namespace triage::supernet {

// Taps are weights by place, then channel: [k * k][C], so that a vector of channels lies in one piece.
// workspace: depthwise_workspace() floats.
template <class T>
struct DepthwiseKernels {
  void (*forward)(const DepthwiseShape& shape, const T* x, const float* taps, T* y, float* workspace);
  void (*backward_data)(const DepthwiseShape& shape, const T* dy, const float* taps, T* dx, float* workspace);
  // Adds to dtaps.
  void (*backward_weights)(const DepthwiseShape& shape, const T* x, const T* dy, float* dtaps, float* workspace);
};

inline constexpr int kDepthwiseLanes = 16;

// Of an image of 16 channels with its border, and of a gradient beside it.
inline std::size_t depthwise_workspace(const DepthwiseShape& shape) {
  const int border = shape.kernel / 2 * 2;
  return std::size_t(2) * kDepthwiseLanes * (shape.height + border) * (shape.width + border);
}

namespace portable {
template <class T>
const DepthwiseKernels<T>& depthwise_kernels();
}
#if defined(__x86_64__)
namespace avx2 {
template <class T>
const DepthwiseKernels<T>& depthwise_kernels();
}
namespace avx512 {
template <class T>
const DepthwiseKernels<T>& depthwise_kernels();
}
#endif

}  // namespace triage::supernet
