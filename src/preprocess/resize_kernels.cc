#include "preprocess/resize_kernels.h"

#include "core/system/cpu.h"

namespace triage::preprocess {

std::size_t ResizeKernels::across_work(const AxisTable& table, int channels) const {
  const std::size_t in = static_cast<std::size_t>(table.first.back() + table.taps - table.first.front());
  const std::size_t out = static_cast<std::size_t>(table.key.window.count);
  return static_cast<std::size_t>(lanes * channels) * (in + out * sizeof(float));
}

const ResizeKernels& resize_kernels() {
#if defined(__x86_64__)
  if (cpu_features().has(kAvx512Build)) return avx512::resize_kernels();
  if (cpu_features().has(kAvx2Build)) return avx2::resize_kernels();
#endif
  return portable::resize_kernels();
}

}  // namespace triage::preprocess
