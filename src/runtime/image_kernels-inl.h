// The one source of both builds of ImageKernels: image_kernels.cc includes it, the second time behind the pragma that
// sets its target, with TRIAGE_BUILD for the namespace; read alone it is the portable build. No include guard.
//
// The compiler's vectors of 8 floats become whatever the target has.
#include <cstring>
#include <limits>

#include "runtime/image_kernels.h"

#ifndef TRIAGE_BUILD
#define TRIAGE_BUILD portable
#endif

namespace triage::runtime::TRIAGE_BUILD {
namespace {

constexpr int kLanes = 8;
using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));
using Ints = std::int32_t __attribute__((vector_size(kLanes * sizeof(std::int32_t))));

// In and out through references: passing wide vectors by value differs between targets.
[[gnu::always_inline]] inline void load(const float* from, Floats& to) { __builtin_memcpy(&to, from, sizeof to); }

[[gnu::always_inline]] inline float sum(const Floats& v) {
  return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
}

// e^x for x in [-80, 0], relative error below 2e-7: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2] (Taylor's
// coefficients, degree 7). NaN stays NaN.
[[gnu::always_inline]] inline void exponential(const Floats& x, Floats& result) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves the rounded integer in the low bits
  const Floats shifted = x * 1.44269504f + kRound;
  const Floats n = shifted - kRound;
  const Floats r = (x - n * 0.693145752f) - n * 1.42860677e-6f;  // ln 2 in two parts
  Floats p = r * (1.0f / 5040) + (1.0f / 720);
  p = p * r + (1.0f / 120);
  p = p * r + (1.0f / 24);
  p = p * r + (1.0f / 6);
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const Ints exponent = ((Ints)shifted << 23) + (127 << 23);
  result = p * (Floats)exponent;
}

// z of the kLanes logits from i on, of those behind the last class -80.
[[gnu::always_inline]] inline void scaled_logits(const float* logits, int i, int classes, float top, float scale,
                                                 Floats& z) {
  if (i + kLanes <= classes) {
    load(logits + i, z);
  } else {
    z = Floats{} + -std::numeric_limits<float>::infinity();
    __builtin_memcpy(&z, logits + i, static_cast<std::size_t>(classes - i) * sizeof(float));
  }
  z = (z - top) * scale;
  z = z < -80.0f ? Floats{} - 80.0f : z;  // e^-80 counts as nothing; NaN passes
}

void partition(const float* logits, int classes, float top, float scale, float& total, float& weighted) {
  Floats sum0{}, sum1{};
  for (int i = 0; i < classes; i += kLanes) {
    Floats z, e;
    scaled_logits(logits, i, classes, top, scale, z);
    exponential(z, e);
    sum0 += e;
    sum1 += e * z;
  }
  total = sum(sum0);
  weighted = sum(sum1);
}

void softmax(const float* logits, int classes, float top, float scale, float* probabilities) {
  Floats total{};
  for (int i = 0; i < classes; i += kLanes) {
    Floats z, e;
    scaled_logits(logits, i, classes, top, scale, z);
    exponential(z, e);
    total += e;
    const int lanes = classes - i < kLanes ? classes - i : kLanes;
    __builtin_memcpy(probabilities + i, &e, static_cast<std::size_t>(lanes) * sizeof(float));
  }
  const float share = 1 / sum(total);
  for (int i = 0; i < classes; ++i) probabilities[i] *= share;
}

// Four hidden units at a time share the standardised inputs.
float hidden_layer(const plan::Router& router, const float* features, const RouterExtra& extra) {
  const int width = router.feature_width, inputs = router.inputs();
  const float tail[3] = {extra.confidence, extra.entropy, extra.margin};
  const float *mean = router.mean.data(), *scale = router.scale.data();
  float result = 0;
  for (int first = 0; first < router.hidden; first += 4) {
    const int rows = router.hidden - first < 4 ? router.hidden - first : 4;
    const float* weight[4];
    float value[4];
    for (int k = 0; k < 4; ++k) {  // a row that does not exist repeats the last one and is not counted
      const int row = first + (k < rows ? k : rows - 1);
      weight[k] = router.weight1.data() + static_cast<std::size_t>(row) * inputs;
      value[k] = router.bias1[row];
    }
    Floats acc0{}, acc1{}, acc2{}, acc3{};
    int i = 0;
    for (; i + kLanes <= width; i += kLanes) {
      Floats x, m, s, w0, w1, w2, w3;
      load(features + i, x);
      load(mean + i, m);
      load(scale + i, s);
      load(weight[0] + i, w0);
      load(weight[1] + i, w1);
      load(weight[2] + i, w2);
      load(weight[3] + i, w3);
      x = (x - m) * s;
      acc0 += w0 * x;
      acc1 += w1 * x;
      acc2 += w2 * x;
      acc3 += w3 * x;
    }
    value[0] += sum(acc0);
    value[1] += sum(acc1);
    value[2] += sum(acc2);
    value[3] += sum(acc3);
    for (; i < inputs; ++i) {
      const float x = ((i < width ? features[i] : tail[i - width]) - mean[i]) * scale[i];
      for (int k = 0; k < 4; ++k) value[k] += weight[k][i] * x;
    }
    for (int k = 0; k < rows; ++k) result += router.weight2[first + k] * (value[k] > 0 ? value[k] : 0);
  }
  return result;
}

// Known strides let the compiler shuffle whole vectors.
void convert_grey(const std::uint8_t* pixels, std::size_t count, float* output) {
  for (std::size_t i = 0; i < count; ++i) output[i] = static_cast<float>(pixels[i]) * kPixelScale;
}

void convert_colour(const std::uint8_t* pixels, std::size_t count, float* __restrict red) {
  float* __restrict green = red + count;
  float* __restrict blue = green + count;
  for (std::size_t i = 0; i < count; ++i) {
    red[i] = static_cast<float>(pixels[3 * i]) * kPixelScale;
    green[i] = static_cast<float>(pixels[3 * i + 1]) * kPixelScale;
    blue[i] = static_cast<float>(pixels[3 * i + 2]) * kPixelScale;
  }
}

}  // namespace

const ImageKernels& image_kernels() {
  static constexpr ImageKernels kKernels{partition, softmax, hidden_layer, convert_grey, convert_colour};
  return kKernels;
}

}  // namespace triage::runtime::TRIAGE_BUILD

#undef TRIAGE_BUILD
