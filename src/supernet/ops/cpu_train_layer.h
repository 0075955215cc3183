// A layer in training on the CPU: convolution, pool, norm by the batch's statistics, sum, ReLU, and its gradient, in as
// few passes over the maps as there can be.
#pragma once

#include <optional>

#include "supernet/ops/layer_ops.h"

namespace triage::supernet {

struct CpuLayer {
  std::optional<at::Tensor> scale;  // of the norm, [out]; none: 1
  std::optional<at::Tensor> added;  // to what the norm gives, as large as that
  bool pool = false;
  double epsilon = 0;
  bool identity = false;  // x is added
  bool relu = true;
  Convolution convolution;
};

// x: [N, in, H, W], bf16 or fp32. As LayerOps::train_layer and train_scaled_layer.
LayerOutput train_layer_on_cpu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                               const CpuLayer& layer);

}  // namespace triage::supernet
