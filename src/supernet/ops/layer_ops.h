// The layers of a Network as differentiable functions of tensors: one interface, two implementations of the same
// meaning, chosen once for a device and held to one table of cases (layer_ops_test.cc).
//   cpu    norm_act around convolutions by whichever kernel is fastest, ours or ATen's (kernel_choice.h). CPU tensors
//          alone.
//   aten   ATen operations throughout, on any device; nothing waits for the device, so that a step can be captured.
//
// x is [N,C,H,W], channels last in memory, bf16 or fp32; weights [OC,IC,k,k], biases and statistics [OC] are fp32. k is
// odd, the padding k / 2, IC the channels of a group: a depthwise layer has as many groups as channels.
// C may be more than IC * groups: the channels behind are zeros. So may the channels of an output: aten pads them to a
// multiple of 8, which the matrix units of a GPU ask for, and the next layer takes them as they are.
#pragma once

#include <torch/types.h>

#include "supernet/convolution.h"

namespace triage::supernet {

struct LayerOutput {
  at::Tensor y;               // as x, [N,OC or more,H,W] or pooled [.., H/2,W/2]
  at::Tensor mean, variance;  // of the batch, before the norm: [OC], biased, without gradient
  double count;               // values per channel behind them
};

class LayerOps {
 public:
  virtual ~LayerOps() = default;

  // relu(norm([pool](convolution(x, weight))) + bias [+ x]) with batch statistics. identity: adds x, its first channels
  // where widths differ; not behind a pool, a stride or groups. Gradients for x, weight and bias, each computed only
  // where needed.
  virtual LayerOutput train_layer(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool pool,
                                  double epsilon, bool identity = false, const Convolution& convolution = {}) const = 0;

  // [relu](norm(convolution(x, weight)) * scale + bias [+ other]) with batch statistics. other: of y's shape and x's
  // type, or undefined. Gradients for all five; x may be in double, too.
  virtual LayerOutput train_scaled_layer(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale,
                                         const at::Tensor& bias, const at::Tensor& other, bool relu, double epsilon,
                                         const Convolution& convolution) const = 0;

  // train_layer() with given statistics. Differentiable too, but on the slower ATen path when a gradient is asked for.
  virtual at::Tensor infer_layer(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                 const at::Tensor& mean, const at::Tensor& variance, bool pool, double epsilon,
                                 bool identity = false, const Convolution& convolution = {}) const = 0;

  // The convolution alone, differentiable; x may be in double, too. The type of x comes out.
  virtual at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight,
                                 const Convolution& convolution) const = 0;

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

// The convolution alone, differentiable, with ATen's operations: the type of x comes out. On the CPU bf16
// is computed in fp32, and strides of 1x1 layers are taken before them: not all that oneDNN does is right
// (kernel_choice.h).
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const Convolution& convolution);

// Weights with the identity beside them folded in (Ding et al. 2021, "RepVGG"): norm(conv(x, result)) is
// norm(conv(x, weight)) + x for these statistics.
at::Tensor fold_identity(const at::Tensor& weight, const at::Tensor& variance, double epsilon);

}  // namespace triage::supernet
