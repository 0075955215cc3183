// The loops that run for every image around its networks (score.cc, convert.cc), as a table of functions per build.
#pragma once

#include <cstddef>
#include <cstdint>

#include "plan/plan.h"

namespace triage::runtime {

inline constexpr float kPixelScale = 1.0f / 255;

// Inputs of a router behind the features.
struct RouterExtra {
  float confidence, entropy, margin;
};

struct ImageKernels {
  // The sums of e^z and of z e^z, where z = max((logit - top) / temperature, -80); scale is 1 / temperature.
  void (*partition)(const float* logits, int classes, float top, float scale, float& total, float& weighted);
  // softmax(logits / temperature) into probabilities [classes], by the same z.
  void (*softmax)(const float* logits, int classes, float top, float scale, float* probabilities);
  // The router's hidden layer, weighted by its output layer: without that one's bias. features [router.feature_width].
  float (*hidden_layer)(const plan::Router& router, const float* features, const RouterExtra& extra);
  // [count] and [count, 3] pixels -> [1 or 3, count], value * kPixelScale: the same bits from each build.
  void (*grey)(const std::uint8_t* pixels, std::size_t count, float* output);
  void (*colour)(const std::uint8_t* pixels, std::size_t count, float* output);
};

// The best build for this CPU. The sums' last bits may differ between builds, by fused multiply-adds.
const ImageKernels& image_kernels();

namespace portable {
const ImageKernels& image_kernels();
}
#if defined(__x86_64__)
namespace avx2 {
const ImageKernels& image_kernels();
}
#endif

}  // namespace triage::runtime
