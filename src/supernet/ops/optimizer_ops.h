// What a step of an optimiser does to one parameter: one interface, two implementations of the same meaning, chosen
// once for a device and held to one table of cases (optimizer_ops_test.cc).
//   cpu    one fused pass on OpenMP threads in fp32; the same bits for any number of threads. CPU tensors alone.
//   aten   ATen operations, on any device; sums of squares wait for it (train/device/flat_optimizer.h does not).
//
// Tensors of a call have one shape and are contiguous fp32. What a step returns is the sum of squares of the scaled
// gradient.
#pragma once

#include <torch/types.h>

namespace triage::supernet {

struct SgdFactors {  // sgd.h
  float rate, momentum, decay, scale;
};

struct AdamWFactors {  // adamw.h; keep: 1 - rate * decay, rate and second: with the bias corrections
  float scale, keep, beta1, beta2, rate, second, epsilon;
};

class OptimizerOps {
 public:
  virtual ~OptimizerOps() = default;
  virtual double sgd(const SgdFactors& k, const at::Tensor& gradient, const at::Tensor& momentum,
                     const at::Tensor& parameter) const = 0;
  virtual double adamw(const AdamWFactors& k, const at::Tensor& gradient, const at::Tensor& first,
                       const at::Tensor& second, const at::Tensor& parameter) const = 0;
  virtual double squares(const at::Tensor& gradient) const = 0;
};

const OptimizerOps& cpu_optimizer_ops();
const OptimizerOps& aten_optimizer_ops();
const OptimizerOps& optimizer_ops_of(at::Device device);

}  // namespace triage::supernet
