#include "supernet/adamw.h"

#include <cmath>

#include "supernet/ops/optimizer_ops.h"

namespace triage::supernet {

BiasCorrection bias_correction(const AdamWOptions& options, std::uint64_t number) {
  const auto t = static_cast<double>(number);
  return {1 / (1 - std::pow(options.beta1, t)), 1 / std::sqrt(1 - std::pow(options.beta2, t))};
}

double AdamW::update(const OptimizerStep& step, const ParameterGroup& group, const at::Tensor& gradient,
                     at::Tensor& parameter, std::span<at::Tensor> buffers) const {
  const BiasCorrection correction = bias_correction(options_, step.number);
  const double rate = step.learning_rate * group.lr_multiplier;
  const AdamWFactors k{static_cast<float>(step.gradient_scale),     static_cast<float>(1 - rate * group.weight_decay),
                       static_cast<float>(options_.beta1),          static_cast<float>(options_.beta2),
                       static_cast<float>(rate * correction.first), static_cast<float>(correction.second),
                       static_cast<float>(options_.epsilon)};
  return optimizer_ops_of(parameter.device()).adamw(k, gradient, buffers[0], buffers[1], parameter);
}

}  // namespace triage::supernet
