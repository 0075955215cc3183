// What moves the parameters: Sgd (sgd.h) or AdamW (adamw.h), by what ops/optimizer_ops.h has for the device of each.
// Deterministic for any number of threads. Not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "supernet/named_tensors.h"

namespace triage::supernet {

struct ParameterGroup {
  NamedTensors parameters;   // leaves that require grad; the tensors are updated in place
  double lr_multiplier = 1;  // of the step's learning rate (Jordan 2024: 64 for norm biases)
  double weight_decay = 0;   // its pull per step is lr * lr_multiplier * weight_decay
};

struct OptimizerStep {
  double learning_rate = 0;
  double gradient_scale = 1;  // gradients are multiplied by it first
  std::uint64_t number = 1;   // of the step, from 1: what AdamW's bias correction counts
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Applies the gradients and forgets them (zero_grad). A parameter without a gradient is left alone. Returns the
  // Euclidean norm of all gradients (scaled, before weight decay): NaN or infinity when any of them was.
  double step(const OptimizerStep& step);

  // "BUFFER.PARAMETER", sharing memory: buffer by buffer, each in the order of the groups.
  NamedTensors state() const;
  void load_state(const NamedTensors& state, const std::string& origin);

 protected:
  // buffers: names of what is kept for each parameter, zero at first.
  Optimizer(std::vector<ParameterGroup> groups, std::vector<std::string> buffers);

 private:
  // One parameter and its buffers; returns the sum of squares of the scaled gradient.
  virtual double update(const OptimizerStep& step, const ParameterGroup& group, const at::Tensor& gradient,
                        at::Tensor& parameter, std::span<at::Tensor> buffers) const = 0;

  std::vector<ParameterGroup> groups_;
  std::vector<std::string> names_;                             // of the buffers
  std::vector<std::vector<std::vector<at::Tensor>>> buffers_;  // per group, parameter and name
};

// Euclidean norm of all gradients, and what they are multiplied by so that it is at most `limit`: as
// torch.nn.utils.clip_grad_norm_ (Pascanu, Mikolov, Bengio 2013).
constexpr double kClipEpsilon = 1e-6;
double gradient_norm(const std::vector<ParameterGroup>& groups);
double clip_scale(double norm, double limit);

}  // namespace triage::supernet
