// The optimiser and the weight average of a session as a few operations over flat buffers: the parameters, gradients,
// optimiser state and averages of a network become views of a buffer each. The arithmetic of Sgd, AdamW, clip_scale and
// WeightAverage (supernet/), in another order of rounding.
#pragma once

#include "supernet/adamw.h"
#include "supernet/sgd.h"

namespace triage::train {

// Tensors laid out one behind another, each from a multiple of 64 elements on; they become views of the result.
at::Tensor flatten(const std::vector<at::Tensor>& tensors);

class FlatOptimizer {
 public:
  // network_state: every tensor of the network, those of the groups among them. Their storage changes: make this before
  // anything keeps a view of it.
  FlatOptimizer(const std::vector<supernet::ParameterGroup>& groups, const supernet::NamedTensors& network_state);

  void adopt_optimizer(const supernet::NamedTensors& state);  // of Optimizer::state()
  void adopt_average(const supernet::NamedTensors& average);  // of WeightAverage::state()

  void zero_gradients();
  void clip(double limit);  // the gradients, to this global norm
  // rate, share and what else is a tensor: scalars on the device; share is what the average takes of the weights
  // (1 - decay).
  void sgd_step(const at::Tensor& rate, double momentum);
  void adamw_step(const at::Tensor& rate, const supernet::AdamWOptions& options, const at::Tensor& first_correction,
                  const at::Tensor& second_correction);
  void average(const at::Tensor& share);

 private:
  struct Group {
    at::Tensor weights, gradients;    // flat
    std::vector<at::Tensor> buffers;  // of the optimiser
    double lr_multiplier, weight_decay;
    std::size_t count;  // of tensors
  };
  std::vector<Group> groups_;
  at::Tensor state_, gradients_, average_;
  std::vector<std::size_t> order_;  // of the network's state in the flat one
};

}  // namespace triage::train
