#include <algorithm>
#include <cmath>
#include <vector>

#include "supernet/ops/optimizer_ops.h"

namespace triage::supernet {
namespace {

constexpr std::int64_t kChunk = 16384;  // elements; the unit of work and of the partial sums

// Runs chunk(begin, count) over `size` elements, on OpenMP threads; returns the sum of what the chunks return, the same
// bits for any number of threads.
template <class Chunk>
double sum_over_chunks(std::int64_t size, const Chunk& chunk) {
  const std::int64_t chunks = (size + kChunk - 1) / kChunk;
  std::vector<float> parts(static_cast<std::size_t>(chunks));
#pragma omp parallel for schedule(static) if (chunks > 1)
  for (std::int64_t i = 0; i < chunks; ++i)
    parts[static_cast<std::size_t>(i)] = chunk(i * kChunk, std::min(kChunk, size - i * kChunk));
  double total = 0;
  for (const float part : parts) total += part;
  return total;
}

float sgd_chunk(std::int64_t count, const SgdFactors& k, const float* gradient, float* momentum, float* p) {
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

float adamw_chunk(std::int64_t count, const AdamWFactors& k, const float* gradient, float* m, float* v, float* p) {
  float squares = 0;
#pragma omp simd reduction(+ : squares)
  for (std::int64_t i = 0; i < count; ++i) {
    const float g = gradient[i] * k.scale;
    squares += g * g;
    m[i] = k.beta1 * m[i] + (1 - k.beta1) * g;
    v[i] = k.beta2 * v[i] + (1 - k.beta2) * g * g;
    p[i] = k.keep * p[i] - k.rate * m[i] / (std::sqrt(v[i]) * k.second + k.epsilon);
  }
  return squares;
}

class CpuOptimizerOps : public OptimizerOps {
 public:
  double sgd(const SgdFactors& k, const at::Tensor& gradient, const at::Tensor& momentum,
             const at::Tensor& parameter) const override {
    const float* const g = gradient.const_data_ptr<float>();
    float* const v = momentum.mutable_data_ptr<float>();
    float* const p = parameter.mutable_data_ptr<float>();
    return sum_over_chunks(parameter.numel(), [&](std::int64_t begin, std::int64_t count) {
      return sgd_chunk(count, k, g + begin, v + begin, p + begin);
    });
  }

  double adamw(const AdamWFactors& k, const at::Tensor& gradient, const at::Tensor& first, const at::Tensor& second,
               const at::Tensor& parameter) const override {
    const float* const g = gradient.const_data_ptr<float>();
    float* const m = first.mutable_data_ptr<float>();
    float* const v = second.mutable_data_ptr<float>();
    float* const p = parameter.mutable_data_ptr<float>();
    return sum_over_chunks(parameter.numel(), [&](std::int64_t begin, std::int64_t count) {
      return adamw_chunk(count, k, g + begin, m + begin, v + begin, p + begin);
    });
  }

  double squares(const at::Tensor& gradient) const override {
    const float* const g = gradient.const_data_ptr<float>();
    return sum_over_chunks(gradient.numel(), [&](std::int64_t begin, std::int64_t count) {
      float squares = 0;
#pragma omp simd reduction(+ : squares)
      for (std::int64_t i = begin; i < begin + count; ++i) squares += g[i] * g[i];
      return squares;
    });
  }
};

}  // namespace

const OptimizerOps& cpu_optimizer_ops() {
  static const CpuOptimizerOps ops;
  return ops;
}

}  // namespace triage::supernet
