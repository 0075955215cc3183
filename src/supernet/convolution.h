// Which of the bf16 kernels runs a layer: Winograd where it measured faster, direct convolution elsewhere. The choice
// depends on the channel counts alone, so a layer is computed the same way for every batch. Contracts: conv3x3_bf16.h.
#pragma once

#include "supernet/kernels/conv3x3_bf16.h"

namespace triage::supernet {

void convolution_forward(const Conv3x3Shape& shape, const bf16* x, const float* weight, bf16* y);
void convolution_backward_data(const Conv3x3Shape& shape, const bf16* dy, const float* weight, bf16* dx);
void convolution_backward_weights(const Conv3x3Shape& shape, const bf16* x, const bf16* dy, float* dweight);

}  // namespace triage::supernet
