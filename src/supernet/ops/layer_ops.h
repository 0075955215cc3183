// The layers of a Network as differentiable functions of tensors: one interface, two implementations of the same
// meaning, chosen once for a device and held to one table of cases (layer_ops_test.cc).
//   cpu    norm_act and, for bf16 where the CPU has AVX512-BF16, conv3x3_bf16; convolutions of other types and CPUs are
//          ATen's (oneDNN). CPU tensors alone.
//   aten   ATen operations throughout, on any device; nothing waits for the device, so that a step can be captured.
//
// x is [N,C,H,W], channels last in memory, bf16 or fp32; weights [OC,IC,3,3], biases and statistics [OC] are fp32.
// C may be more than IC: the channels behind are zeros. So may the channels of an output: aten pads them to a multiple
// of 8, which the matrix units of a GPU ask for, and the next layer takes them as they are.
#pragma once

#include <torch/types.h>

namespace triage::supernet {

struct LayerOutput {
  at::Tensor y;               // as x, [N,OC or more,H,W] or pooled [.., H/2,W/2]
  at::Tensor mean, variance;  // of the batch, before the norm: [OC], biased, without gradient
  double count;               // values per channel behind them
};

class LayerOps {
 public:
  virtual ~LayerOps() = default;

  // relu(norm([pool](conv3x3(x, weight))) + bias [+ x]) with batch statistics. identity: adds x, its first channels
  // where widths differ; not behind a pool. Gradients for x, weight and bias, each computed only where needed.
  virtual LayerOutput train_layer(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool pool,
                                  double epsilon, bool identity = false) const = 0;

  // The same with given statistics. Differentiable too, but on the slower ATen path when a gradient is asked for.
  virtual at::Tensor infer_layer(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                 const at::Tensor& mean, const at::Tensor& variance, bool pool, double epsilon,
                                 bool identity = false) const = 0;

  // Maximum over space: [N,C] fp32.
  virtual at::Tensor global_max(const at::Tensor& x) const = 0;
};

const LayerOps& cpu_ops();
const LayerOps& aten_ops();
const LayerOps& ops_of(at::Device device);

// Many subnets in one pass, with aten's operations: image i belongs to group i / (N / groups), and each group has
// statistics of its own and the channels alone that channels ([groups, OC] bool) gives it. The result is what a group's
// subnet would have, zeros in the channels that it lacks; a group without any leaves the layer out and hands on x.
// `optional`: there may be such groups.
at::Tensor train_layer_of_groups(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool pool,
                                 double epsilon, bool identity, const at::Tensor& channels, bool optional);

// Weights with the identity beside them folded in (Ding et al. 2021, "RepVGG"): norm(conv(x, result)) is
// norm(conv(x, weight)) + x for these statistics.
at::Tensor fold_identity(const at::Tensor& weight, const at::Tensor& variance, double epsilon);

}  // namespace triage::supernet
