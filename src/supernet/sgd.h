// Nesterov SGD, as torch.optim.SGD with nesterov=True and no dampening:
//   g += weight_decay * p;  v = momentum * v + g;  p -= lr * lr_multiplier * (g + momentum * v)
// And the moving average of a network's weights.
#pragma once

#include "supernet/optimizer.h"

namespace triage::supernet {

class Sgd : public Optimizer {
 public:
  explicit Sgd(std::vector<ParameterGroup> groups, double momentum = 0.85)
      : Optimizer(std::move(groups), {"momentum"}), momentum_(momentum) {}

 private:
  double update(const OptimizerStep& step, const ParameterGroup& group, const at::Tensor& gradient,
                at::Tensor& parameter, std::span<at::Tensor> buffers) const override;

  double momentum_;
};

// An exponential moving average of tensors (a network's state()), also the slow weights of Lookahead (Zhang et al.
// 2019).
class WeightAverage {
 public:
  explicit WeightAverage(NamedTensors tensors);  // starts as a copy of their values

  void update(double decay);  // average = decay * average + (1 - decay) * tensors; integer tensors are copied
  void store() const;         // tensors = average: Lookahead's pull, or the end of training
  void swap();                // exchanges the two: evaluate with the average, swap back, go on

  NamedTensors state() const;  // the averages, sharing memory
  void load_state(const NamedTensors& state, const std::string& origin);

 private:
  NamedTensors tensors_, average_;
};

}  // namespace triage::supernet
