#include "train/device/flat_optimizer.h"

#include <algorithm>

namespace triage::train {
namespace {

constexpr std::int64_t kAlign = 64;  // elements

std::int64_t aligned(std::int64_t count) { return (count + kAlign - 1) / kAlign * kAlign; }

std::int64_t flat_size(const std::vector<at::Tensor>& tensors) {
  std::int64_t size = 0;
  for (const at::Tensor& t : tensors) size += aligned(t.numel());
  return size;
}

at::Tensor view_of(const at::Tensor& flat, std::int64_t offset, const at::Tensor& like) {
  return flat.narrow(0, offset, like.numel()).view(like.sizes());
}

}  // namespace

at::Tensor flatten(const std::vector<at::Tensor>& tensors) {
  const at::NoGradGuard no_grad;
  at::Tensor flat = at::zeros({flat_size(tensors)}, tensors.front().options().requires_grad(false));
  std::int64_t offset = 0;
  for (const at::Tensor& t : tensors) {
    const at::Tensor view = view_of(flat, offset, t);
    view.copy_(t);
    t.set_data(view);
    offset += aligned(t.numel());
  }
  return flat;
}

FlatOptimizer::FlatOptimizer(const std::vector<supernet::ParameterGroup>& groups,
                             const supernet::NamedTensors& network_state) {
  std::vector<at::Tensor> tensors;
  for (const supernet::ParameterGroup& group : groups) {
    for (const supernet::NamedTensor& p : group.parameters) tensors.push_back(p.tensor);
  }
  const std::int64_t trained = flat_size(tensors);
  for (const supernet::NamedTensor& t : network_state) {
    if (std::ranges::none_of(tensors, [&](const at::Tensor& other) { return other.is_same(t.tensor); }))
      tensors.push_back(t.tensor);
  }
  for (const at::Tensor& t : tensors) {
    const auto place = std::ranges::find_if(network_state, [&](const auto& named) { return named.tensor.is_same(t); });
    order_.push_back(static_cast<std::size_t>(place - network_state.begin()));
  }
  state_ = flatten(tensors);
  gradients_ = at::zeros({trained}, state_.options());
  std::int64_t offset = 0;
  for (const supernet::ParameterGroup& group : groups) {
    const std::int64_t first = offset;
    for (const supernet::NamedTensor& p : group.parameters) {
      at::Tensor(p.tensor).mutable_grad() = view_of(gradients_, offset, p.tensor);
      offset += aligned(p.tensor.numel());
    }
    groups_.push_back({state_.narrow(0, first, offset - first),
                       gradients_.narrow(0, first, offset - first),
                       {},
                       group.lr_multiplier,
                       group.weight_decay,
                       group.parameters.size()});
  }
}

void FlatOptimizer::adopt_optimizer(const supernet::NamedTensors& state) {
  std::size_t parameters = 0;
  for (const Group& group : groups_) parameters += group.count;
  for (std::size_t first = 0; first < state.size(); first += parameters) {
    std::vector<at::Tensor> tensors;
    for (std::size_t i = first; i < first + parameters; ++i) tensors.push_back(state[i].tensor);
    const at::Tensor flat = flatten(tensors);
    std::int64_t offset = 0;
    for (Group& group : groups_) {
      group.buffers.push_back(flat.narrow(0, offset, group.weights.numel()));
      offset += group.weights.numel();
    }
  }
}

void FlatOptimizer::adopt_average(const supernet::NamedTensors& average) {
  std::vector<at::Tensor> tensors;
  for (const std::size_t place : order_) tensors.push_back(average[place].tensor);
  average_ = flatten(tensors);
}

void FlatOptimizer::zero_gradients() { gradients_.zero_(); }

void FlatOptimizer::clip(double limit) {
  const at::NoGradGuard no_grad;
  gradients_.mul_((limit / (at::linalg_vector_norm(gradients_) + supernet::kClipEpsilon)).clamp_max(1));
}

void FlatOptimizer::sgd_step(const at::Tensor& rate, double momentum) {
  const at::NoGradGuard no_grad;
  for (Group& group : groups_) {
    const at::Tensor decayed = at::add(group.gradients, group.weights, group.weight_decay);
    at::Tensor& velocity = group.buffers[0];
    velocity.mul_(momentum).add_(decayed);
    group.weights.addcmul_(at::add(decayed, velocity, momentum), rate, -group.lr_multiplier);
  }
}

void FlatOptimizer::adamw_step(const at::Tensor& rate, const supernet::AdamWOptions& options,
                               const at::Tensor& first_correction, const at::Tensor& second_correction) {
  const at::NoGradGuard no_grad;
  for (Group& group : groups_) {
    group.buffers[0].lerp_(group.gradients, 1 - options.beta1);
    group.buffers[1].mul_(options.beta2).addcmul_(group.gradients, group.gradients, 1 - options.beta2);
    if (group.weight_decay > 0) group.weights.mul_(1 - rate * (group.lr_multiplier * group.weight_decay));
    const at::Tensor scale = group.buffers[1].sqrt().mul_(second_correction).add_(options.epsilon);
    group.weights.addcmul_(group.buffers[0].div(scale), rate * first_correction, -group.lr_multiplier);
  }
}

void FlatOptimizer::average(const at::Tensor& share) {
  const at::NoGradGuard no_grad;
  average_.lerp_(state_, share);
}

}  // namespace triage::train
