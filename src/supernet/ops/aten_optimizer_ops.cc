#include "supernet/ops/optimizer_ops.h"

namespace triage::supernet {
namespace {

class AtenOptimizerOps : public OptimizerOps {
 public:
  double sgd(const SgdFactors& k, const at::Tensor& gradient, const at::Tensor& momentum,
             const at::Tensor& parameter) const override {
    const at::Tensor scaled = gradient * k.scale;
    const at::Tensor decayed = scaled + parameter * k.decay;
    momentum.mul_(k.momentum).add_(decayed);
    parameter.add_(decayed + momentum * k.momentum, -k.rate);
    return squares(scaled);
  }

  double adamw(const AdamWFactors& k, const at::Tensor& gradient, const at::Tensor& first, const at::Tensor& second,
               const at::Tensor& parameter) const override {
    const at::Tensor g = gradient * k.scale;
    first.lerp_(g, 1 - k.beta1);
    second.mul_(k.beta2).addcmul_(g, g, 1 - k.beta2);
    parameter.mul_(k.keep).addcdiv_(first, second.sqrt().mul_(k.second).add_(k.epsilon), -k.rate);
    return squares(g);
  }

  double squares(const at::Tensor& gradient) const override { return gradient.square().sum().item<double>(); }
};

}  // namespace

const OptimizerOps& aten_optimizer_ops() {
  static const AtenOptimizerOps ops;
  return ops;
}

const OptimizerOps& optimizer_ops_of(at::Device device) {
  return device.is_cpu() ? cpu_optimizer_ops() : aten_optimizer_ops();
}

}  // namespace triage::supernet
