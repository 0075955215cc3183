#include "supernet/kernels/depthwise.h"

#include <algorithm>
#include <vector>

#include "core/system/cpu.h"
#include "supernet/kernels/depthwise_kernels.h"
#include "supernet/kernels/norm_act.h"

namespace triage::supernet {
namespace {

template <class T>
const DepthwiseKernels<T>& kernels_of_cpu() {
#if defined(__x86_64__)
  const CpuFeatures cpu = cpu_features();
  if (cpu.has(kAvx512Build)) return avx512::depthwise_kernels<T>();
  if (cpu.has(kAvx2Build)) return avx2::depthwise_kernels<T>();
#endif
  return portable::depthwise_kernels<T>();
}

// At the start of a cache line, so that no vector of 16 lies across two.
float* workspace_for(const DepthwiseShape& shape) {
  struct alignas(64) Line {
    float lanes[kDepthwiseLanes];
  };
  static thread_local std::vector<Line> workspace;
  const std::size_t lines = depthwise_workspace(shape) / kDepthwiseLanes;
  if (workspace.size() < lines) workspace.resize(lines);
  return workspace.data()->lanes;
}

std::vector<float> taps_of(const DepthwiseShape& shape, const float* weight) {
  const int places = shape.kernel * shape.kernel;
  std::vector<float> taps(shape.weights());
  for (int c = 0; c < shape.channels; ++c)
    for (int k = 0; k < places; ++k) taps[std::size_t(k) * shape.channels + c] = weight[std::size_t(c) * places + k];
  return taps;
}

std::size_t per_image(std::size_t elements, const DepthwiseShape& shape) {
  return elements / std::size_t(std::max(1, shape.batch));
}

// From images of one size to images of another, side by side; elements: of all of them.
template <class T>
void over_images(const DepthwiseShape& shape, decltype(DepthwiseKernels<T>::forward) pass, const float* weight,
                 const T* from, std::size_t from_elements, T* to, std::size_t to_elements) {
  const std::vector<float> taps = taps_of(shape, weight);
  const std::size_t in = per_image(from_elements, shape), out = per_image(to_elements, shape);
#pragma omp parallel for schedule(static) if (shape.batch > 1)
  for (int n = 0; n < shape.batch; ++n) pass(shape, from + n * in, taps.data(), to + n * out, workspace_for(shape));
}

}  // namespace

template <class T>
void depthwise_forward(const DepthwiseShape& shape, const T* x, const float* weight, T* y) {
  over_images(shape, kernels_of_cpu<T>().forward, weight, x, shape.in_elements(), y, shape.out_elements());
}

template <class T>
void depthwise_backward_data(const DepthwiseShape& shape, const T* dy, const float* weight, T* dx) {
  over_images(shape, kernels_of_cpu<T>().backward_data, weight, dy, shape.out_elements(), dx, shape.in_elements());
}

template <class T>
void depthwise_backward_weights(const DepthwiseShape& shape, const T* x, const T* dy, float* dweight) {
  const std::size_t in = per_image(shape.in_elements(), shape), out = per_image(shape.out_elements(), shape);
  const int groups = (shape.batch + kGroupImages - 1) / kGroupImages, places = shape.kernel * shape.kernel;
  const DepthwiseKernels<T>& kernels = kernels_of_cpu<T>();
  std::vector<float> partial(std::size_t(groups) * shape.weights());
#pragma omp parallel for schedule(static) if (groups > 1)
  for (int group = 0; group < groups; ++group) {
    float* const sums = &partial[std::size_t(group) * shape.weights()];
    for (int n = group * kGroupImages; n < std::min(shape.batch, (group + 1) * kGroupImages); ++n)
      kernels.backward_weights(shape, x + n * in, dy + n * out, sums, workspace_for(shape));
  }
  for (int c = 0; c < shape.channels; ++c) {
    for (int k = 0; k < places; ++k) {
      double sum = 0;
      for (int group = 0; group < groups; ++group)
        sum += partial[std::size_t(group) * shape.weights() + std::size_t(k) * shape.channels + c];
      dweight[std::size_t(c) * places + k] = static_cast<float>(sum);
    }
  }
}

template void depthwise_forward(const DepthwiseShape&, const bf16*, const float*, bf16*);
template void depthwise_forward(const DepthwiseShape&, const float*, const float*, float*);
template void depthwise_backward_data(const DepthwiseShape&, const bf16*, const float*, bf16*);
template void depthwise_backward_data(const DepthwiseShape&, const float*, const float*, float*);
template void depthwise_backward_weights(const DepthwiseShape&, const bf16*, const bf16*, float*);
template void depthwise_backward_weights(const DepthwiseShape&, const float*, const float*, float*);

}  // namespace triage::supernet
