#include "runtime/image_kernels.h"

#include <cstring>  // what the base target's code shares is compiled for the base target
#include <limits>

#include "core/system/cpu.h"
#include "runtime/image_kernels-inl.h"

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define TRIAGE_BUILD avx2
#include "runtime/image_kernels-inl.h"
#pragma GCC pop_options
#endif

namespace triage::runtime {

const ImageKernels& image_kernels() {
#if defined(__x86_64__)
  if (cpu_features().has(kAvx2Build)) return avx2::image_kernels();
#endif
  return portable::image_kernels();
}

}  // namespace triage::runtime
