// Nesterov SGD over all parameters in one fused pass, as torch.optim.SGD with nesterov=True and no dampening:
//   g += weight_decay * p;  v = momentum * v + g;  p -= lr * lr_multiplier * (g + momentum * v)
// fp32 on the CPU in one OpenMP pass; ATen operations on other devices, where train/device/flat_optimizer.h is faster.
// Deterministic for any number of threads.
#pragma once

#include <string>
#include <vector>

#include "supernet/named_tensors.h"

namespace triage::supernet {

struct ParameterGroup {
  NamedTensors parameters;   // leaves that require grad; the tensors are updated in place
  double lr_multiplier = 1;  // of the step's learning rate (Jordan 2024: 64 for norm biases)
  double weight_decay = 0;   // enters the gradient, so its pull per step is lr * lr_multiplier * weight_decay
};

struct SgdStep {
  double learning_rate = 0;
  double momentum = 0.85;
  double gradient_scale = 1;  // gradients are multiplied by it first
};

class Sgd {
 public:
  explicit Sgd(std::vector<ParameterGroup> groups);

  // Applies the gradients and forgets them (zero_grad). A parameter without a gradient is left alone. Returns the
  // Euclidean norm of all gradients (scaled, before weight decay): NaN or infinity when any of them was.
  double step(const SgdStep& step);

  NamedTensors state() const;  // momentum buffers, sharing memory
  void load_state(const NamedTensors& state, const std::string& origin);

 private:
  std::vector<ParameterGroup> groups_;
  std::vector<std::vector<at::Tensor>> momentum_;  // per group and parameter
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
