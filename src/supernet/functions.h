// The layers of a Network as differentiable functions of tensors.
//
// x is [N,C,H,W], channels last in memory, bf16 or fp32; weights [OC,IC,3,3], biases and statistics [OC] are fp32.
// On the CPU the layer runs on norm_act and, for bf16 where the CPU has AVX512-BF16, conv3x3_bf16; convolutions of
// other types and CPUs are ATen's (oneDNN). Other devices get ATen operations throughout.
#pragma once

#include <torch/types.h>

namespace triage::supernet {

struct LayerOutput {
  at::Tensor y;               // as x, [N,OC,H,W] or pooled [N,OC,H/2,W/2]
  at::Tensor mean, variance;  // of the batch, before the norm: [OC], biased, without gradient
  double count;               // values per channel behind them
};

// relu(norm([pool](conv3x3(x, weight))) + bias [+ x]) with batch statistics. identity: adds x, its first channels where
// widths differ; not behind a pool. Gradients for x, weight and bias, each computed only where needed.
LayerOutput train_layer(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool pool,
                        double epsilon, bool identity = false);

// The same with given statistics. Differentiable too, but on the slower ATen path when a gradient is asked for.
at::Tensor infer_layer(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& mean,
                       const at::Tensor& variance, bool pool, double epsilon, bool identity = false);

// Weights with the identity beside them folded in (Ding et al. 2021, "RepVGG"): norm(conv(x, result)) is
// norm(conv(x, weight)) + x for these statistics.
at::Tensor fold_identity(const at::Tensor& weight, const at::Tensor& variance, double epsilon);

// Maximum over space: [N,C] fp32.
at::Tensor global_max(const at::Tensor& x);

}  // namespace triage::supernet
