// The work of one group of images in norm_act, as a table of functions per instruction set. norm_act_kernels-inl.h
// holds the one source; norm_act_avx512.cc, norm_act_avx2.cc and norm_act_portable.cc compile it for their targets.
#pragma once

#include "supernet/kernels/norm_act.h"

namespace triage::supernet {

template <class T>
struct NormKernels {
  // Means and sums of squared deviations [C] of the group's z. shape.batch is the group's number of images.
  void (*statistics)(const NormActShape& shape, const T* x, T* z, std::uint8_t* argmax, float* mean, float* m2);
  void (*relu)(std::size_t pixels, int channels, const T* z, const Norm& norm, T* y, const Identity<T>& identity);
  void (*inference)(const NormActShape& shape, const T* x, const Norm& norm, T* y);
  void (*backward_sums)(std::size_t pixels, int channels, const T* dy, const T* z, const Norm& norm, float* sum_g,
                        float* sum_gz);
  void (*backward_input)(const NormActShape& shape, const T* dy, const T* z, const std::uint8_t* argmax,
                         const Norm& norm, const float* mean_g, const float* mean_gz, T* dx);
  void (*relu_backward)(std::size_t elements, const T* dy, const T* y, T* g);
  void (*add_identity_gradient)(std::size_t pixels, int channels, const T* g, int inputs, T* dx);
};

namespace portable {
template <class T>
const NormKernels<T>& norm_kernels();
}
#if defined(__x86_64__)
namespace avx2 {
template <class T>
const NormKernels<T>& norm_kernels();
}
namespace avx512 {
template <class T>
const NormKernels<T>& norm_kernels();
}
#endif

}  // namespace triage::supernet
