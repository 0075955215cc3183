#include "supernet/optimizer.h"

#include <algorithm>
#include <cmath>

#include "supernet/ops/optimizer_ops.h"

namespace triage::supernet {

double gradient_norm(const std::vector<ParameterGroup>& groups) {
  const at::NoGradGuard no_grad;
  double squares = 0;
  for (const ParameterGroup& group : groups) {
    for (const NamedTensor& p : group.parameters)
      if (const at::Tensor& gradient = p.tensor.grad(); gradient.defined())
        squares += optimizer_ops_of(gradient.device()).squares(gradient.contiguous());
  }
  return std::sqrt(squares);
}

double clip_scale(double norm, double limit) { return std::min(1.0, limit / (norm + kClipEpsilon)); }

Optimizer::Optimizer(std::vector<ParameterGroup> groups, std::vector<std::string> buffers)
    : groups_(std::move(groups)), names_(std::move(buffers)) {
  for (const ParameterGroup& group : groups_) {
    auto& of_group = buffers_.emplace_back();
    for (const NamedTensor& p : group.parameters) {
      TORCH_CHECK(p.tensor.scalar_type() == at::kFloat && p.tensor.is_contiguous(), p.name,
                  ": expected a contiguous fp32 parameter");
      auto& of_parameter = of_group.emplace_back();
      for (std::size_t i = 0; i < names_.size(); ++i)
        of_parameter.push_back(at::zeros_like(p.tensor, at::TensorOptions().requires_grad(false)));
    }
  }
}

double Optimizer::step(const OptimizerStep& step) {
  const at::NoGradGuard no_grad;
  double squares = 0;
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    for (std::size_t i = 0; i < buffers_[group].size(); ++i) {
      at::Tensor& p = groups_[group].parameters[i].tensor;
      if (!p.grad().defined()) continue;
      squares += update(step, groups_[group], p.grad().contiguous(), p, buffers_[group][i]);
      p.mutable_grad().reset();
    }
  }
  return std::sqrt(squares);
}

NamedTensors Optimizer::state() const {
  NamedTensors state;
  for (std::size_t name = 0; name < names_.size(); ++name) {
    for (std::size_t group = 0; group < groups_.size(); ++group) {
      for (std::size_t i = 0; i < buffers_[group].size(); ++i)
        state.push_back({names_[name] + "." + groups_[group].parameters[i].name, buffers_[group][i][name]});
    }
  }
  return state;
}

void Optimizer::load_state(const NamedTensors& state, const std::string& origin) {
  copy_state(this->state(), state, origin);
}

}  // namespace triage::supernet
