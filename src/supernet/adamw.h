// AdamW (Loshchilov, Hutter 2019, "Decoupled Weight Decay Regularization"), as torch.optim.AdamW; t is the step's
// number, lr the step's times the group's multiplier:
//   p *= 1 - lr * weight_decay;  m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g^2
//   p -= lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + epsilon)
#pragma once

#include "supernet/optimizer.h"

namespace triage::supernet {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
};

class AdamW : public Optimizer {
 public:
  AdamW(std::vector<ParameterGroup> groups, const AdamWOptions& options)
      : Optimizer(std::move(groups), {"exp_avg", "exp_avg_sq"}), options_(options) {}

 private:
  double update(const OptimizerStep& step, const ParameterGroup& group, const at::Tensor& gradient,
                at::Tensor& parameter, std::span<at::Tensor> buffers) const override;

  AdamWOptions options_;
};

// What a step multiplies m and sqrt(v) by, so that they are unbiased: 1 / (1 - beta1^t), 1 / sqrt(1 - beta2^t).
struct BiasCorrection {
  double first = 1, second = 1;
};
BiasCorrection bias_correction(const AdamWOptions& options, std::uint64_t number);

}  // namespace triage::supernet
