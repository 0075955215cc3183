// The passes of a layer's convolution, each by a kernel that the caller names: what kernel_choice() says for its layer.
// All kernels mean the same and differ by rounding (conv3x3_bf16.h; bf16 ATen's weight gradients are rounded to bf16).
// For fp32 images there is ATen's alone, under either name, and the one for depthwise layers.
//
// Images x are [N,C,H,W], results y [N,OC,..], both bf16 or fp32, channels last and dense in memory; weights are the
// fp32 masters [OC, C / groups, k, k], k odd, zero padding k / 2. Nothing here is differentiable. Same threads and
// determinism as conv3x3_bf16.h; ATen's bits may depend on the number of threads.
#pragma once

#include <torch/types.h>

#include "supernet/kernel_choice.h"

namespace triage::supernet {

// What the weights do not say.
struct Convolution {
  int stride = 1, groups = 1;
};

ConvolutionShape convolution_shape(const at::Tensor& x, const at::Tensor& weight, const Convolution& convolution);
std::int64_t convolved(std::int64_t side, int stride);  // height or width of y

// What kernel_choice() says for the type of x on the threads that a call here would have.
ConvKernel chosen_kernel(const at::Tensor& x, const at::Tensor& weight, const Convolution& convolution, ConvPass pass);

// y: returned, either `into` (a tensor of its shape) or one of ATen's own; into is overwritten in part or not at all.
at::Tensor convolution_forward(ConvKernel kernel, const at::Tensor& x, const at::Tensor& weight,
                               const Convolution& convolution, const at::Tensor& into);

// dx [N,C,H,W], dweight [OC, C / groups, k, k] fp32: overwritten.
void convolution_backward_data(ConvKernel kernel, const at::Tensor& dy, const at::Tensor& weight,
                               const Convolution& convolution, const at::Tensor& dx);
void convolution_backward_weights(ConvKernel kernel, const at::Tensor& x, const at::Tensor& dy,
                                  const Convolution& convolution, const at::Tensor& dweight);

// A 1x1 layer of stride 1, without groups, on the CPU as matrix products of a few images each; x and weight in fp32 or
// double, differentiable. oneDNN (3.7) gets the last channels of such layers wrong in fp32 on some CPUs with AVX-512
// (seen on an AMD EPYC with AVX-VNNI: 33 to 45 channels, 65 to 80, 97 to 112, 416, ..).
at::Tensor convolution_1x1(const at::Tensor& x, const at::Tensor& weight);

}  // namespace triage::supernet
