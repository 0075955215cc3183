#include "supernet/sgd.h"

#include "supernet/ops/optimizer_ops.h"

namespace triage::supernet {

double Sgd::update(const OptimizerStep& step, const ParameterGroup& group, const at::Tensor& gradient,
                   at::Tensor& parameter, std::span<at::Tensor> buffers) const {
  const SgdFactors k{static_cast<float>(step.learning_rate * group.lr_multiplier), static_cast<float>(momentum_),
                     static_cast<float>(group.weight_decay), static_cast<float>(step.gradient_scale)};
  return optimizer_ops_of(parameter.device()).sgd(k, gradient, buffers[0], parameter);
}

WeightAverage::WeightAverage(NamedTensors tensors) : tensors_(std::move(tensors)) {
  for (NamedTensor& t : tensors_) {
    t.tensor = t.tensor.detach();  // shares memory, needs no gradient
    average_.push_back({"average." + t.name, t.tensor.clone()});
  }
}

void WeightAverage::update(double decay) {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (tensors_[i].tensor.is_floating_point()) {
      average_[i].tensor.lerp_(tensors_[i].tensor, 1 - decay);
    } else {
      average_[i].tensor.copy_(tensors_[i].tensor);
    }
  }
}

void WeightAverage::store() const {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < tensors_.size(); ++i) at::Tensor(tensors_[i].tensor).copy_(average_[i].tensor);
}

void WeightAverage::swap() {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const at::Tensor kept = tensors_[i].tensor.clone();
    tensors_[i].tensor.copy_(average_[i].tensor);
    average_[i].tensor.copy_(kept);
  }
}

NamedTensors WeightAverage::state() const { return average_; }

void WeightAverage::load_state(const NamedTensors& state, const std::string& origin) {
  copy_state(average_, state, origin);
}

}  // namespace triage::supernet
