#include "supernet/sgd.h"

#include <algorithm>
#include <cmath>

namespace triage::supernet {
namespace {

constexpr std::int64_t kChunk = 16384;  // elements; the unit of work and of the gradient norm's partial sums

struct Coefficients {
  float rate, momentum, decay, scale;
};

// One chunk: returns the sum of squares of the scaled gradient.
float update_chunk(std::int64_t count, const Coefficients& k, const float* gradient, float* momentum, float* p) {
  float squares = 0;
#pragma omp simd reduction(+ : squares)
  for (std::int64_t i = 0; i < count; ++i) {
    const float g = gradient[i] * k.scale;
    squares += g * g;
    const float decayed = g + k.decay * p[i];
    momentum[i] = k.momentum * momentum[i] + decayed;
    p[i] -= k.rate * (decayed + k.momentum * momentum[i]);
  }
  return squares;
}

double update_on_cpu(const Coefficients& k, const at::Tensor& gradient, at::Tensor& momentum, at::Tensor& p) {
  const std::int64_t size = p.numel(), chunks = (size + kChunk - 1) / kChunk;
  const float* const g = gradient.const_data_ptr<float>();
  float* const v = momentum.mutable_data_ptr<float>();
  float* const w = p.mutable_data_ptr<float>();
  std::vector<float> squares(chunks);
#pragma omp parallel for schedule(static) if (chunks > 1)
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const std::int64_t first = chunk * kChunk;
    squares[chunk] = update_chunk(std::min(kChunk, size - first), k, g + first, v + first, w + first);
  }
  double total = 0;
  for (const float part : squares) total += part;
  return total;
}

double update_with_aten(const Coefficients& k, const at::Tensor& gradient, at::Tensor& momentum, at::Tensor& p) {
  const at::Tensor scaled = gradient * k.scale;
  const at::Tensor decayed = scaled + p * k.decay;
  momentum.mul_(k.momentum).add_(decayed);
  p.add_(decayed + momentum * k.momentum, -k.rate);
  return scaled.square().sum().item<double>();
}

}  // namespace

Sgd::Sgd(std::vector<ParameterGroup> groups) : groups_(std::move(groups)) {
  for (const ParameterGroup& group : groups_) {
    std::vector<at::Tensor>& buffers = momentum_.emplace_back();
    for (const NamedTensor& p : group.parameters) {
      TORCH_CHECK(p.tensor.scalar_type() == at::kFloat && p.tensor.is_contiguous(), p.name,
                  ": expected a contiguous fp32 parameter");
      buffers.push_back(at::zeros_like(p.tensor, at::TensorOptions().requires_grad(false)));
    }
  }
}

double Sgd::step(const SgdStep& step) {
  const at::NoGradGuard no_grad;
  double squares = 0;
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    const Coefficients k{static_cast<float>(step.learning_rate * groups_[group].lr_multiplier),
                         static_cast<float>(step.momentum), static_cast<float>(groups_[group].weight_decay),
                         static_cast<float>(step.gradient_scale)};
    for (std::size_t i = 0; i < momentum_[group].size(); ++i) {
      at::Tensor& p = groups_[group].parameters[i].tensor;
      if (!p.grad().defined()) continue;
      const at::Tensor gradient = p.grad().contiguous();
      squares += p.is_cpu() ? update_on_cpu(k, gradient, momentum_[group][i], p)
                            : update_with_aten(k, gradient, momentum_[group][i], p);
      p.mutable_grad().reset();
    }
  }
  return std::sqrt(squares);
}

NamedTensors Sgd::state() const {
  NamedTensors state;
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    for (std::size_t i = 0; i < momentum_[group].size(); ++i) {
      state.push_back({"momentum." + groups_[group].parameters[i].name, momentum_[group][i]});
    }
  }
  return state;
}

void Sgd::load_state(const NamedTensors& state, const std::string& origin) { copy_state(this->state(), state, origin); }

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
