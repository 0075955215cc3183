// What must run on any machine (compiled for the baseline): the check of the CPU and of arguments.
#include "supernet/kernels/conv3x3_bf16.h"

#include <algorithm>

#include "core/error.h"
#include "core/system/cpu.h"
#include "supernet/kernels/conv3x3_bf16_tile.h"

namespace triage::supernet {

bool conv3x3_bf16_supported() { return cpu_features().has(kAvx512Bf16Build); }

namespace conv3x3 {

void check(const Conv3x3Shape& s) {
  if (!conv3x3_bf16_supported()) fail("3x3 bf16 convolution: got a CPU without AVX512-BF16; ask before calling");
  if (std::min({s.batch, s.height, s.width, s.in_channels, s.out_channels}) < 1) {
    fail("3x3 bf16 convolution: got batch {}, height {}, width {}, channels {} -> {}; expected all at least 1", s.batch,
         s.height, s.width, s.in_channels, s.out_channels);
  }
}

}  // namespace conv3x3

#if !defined(__x86_64__)
void conv3x3_forward(const Conv3x3Shape& s, const bf16*, const float*, bf16*) { conv3x3::check(s); }
void conv3x3_backward_data(const Conv3x3Shape& s, const bf16*, const float*, bf16*) { conv3x3::check(s); }
void conv3x3_backward_weights(const Conv3x3Shape& s, const bf16*, const bf16*, float*) { conv3x3::check(s); }
void conv3x3_winograd_forward(const Conv3x3Shape& s, const bf16*, const float*, bf16*) { conv3x3::check(s); }
void conv3x3_winograd_backward_data(const Conv3x3Shape& s, const bf16*, const float*, bf16*) { conv3x3::check(s); }
void conv3x3_winograd_backward_weights(const Conv3x3Shape& s, const bf16*, const bf16*, float*) { conv3x3::check(s); }
#endif

}  // namespace triage::supernet
