// The optimiser and the weight average of a session as a few operations over flat buffers: the parameters, gradients,
// momentum and averages of a network become views of one buffer each. The arithmetic of Sgd and WeightAverage
// (supernet/sgd.h), in another order of rounding.
#pragma once

#include "supernet/sgd.h"

namespace triage::train {

// Tensors laid out one behind another, each from a multiple of 64 elements on; they become views of the result.
at::Tensor flatten(const std::vector<at::Tensor>& tensors);

class FlatOptimizer {
 public:
  // network_state: every tensor of the network, those of the groups among them. Their storage changes: make this before
  // anything keeps a view of it. The tensors of momentum are in the order of the groups.
  FlatOptimizer(const std::vector<supernet::ParameterGroup>& groups, const supernet::NamedTensors& network_state);

  void adopt_momentum(const supernet::NamedTensors& momentum);  // of Sgd::state()
  void adopt_average(const supernet::NamedTensors& average);    // of WeightAverage::state()

  void zero_gradients();
  // rate, share: scalars on the device; share is what the average takes of the weights (1 - decay).
  void step(const at::Tensor& rate, double momentum);
  void average(const at::Tensor& share);

 private:
  struct Group {
    at::Tensor weights, gradients, momentum;  // flat
    double lr_multiplier, weight_decay;
    std::size_t count;  // of tensors
  };
  std::vector<Group> groups_;
  at::Tensor state_, gradients_, momentum_, average_;
  std::vector<std::size_t> order_;  // of the network's state in the flat one
};

}  // namespace triage::train
