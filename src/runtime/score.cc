#include "runtime/score.h"

#include <cmath>
#include <limits>

#include "runtime/image_kernels.h"

namespace triage::runtime {

Evidence evidence(std::span<const float> logits, float temperature) {
  const int classes = static_cast<int>(logits.size());
  float top = -std::numeric_limits<float>::infinity(), second = top;
  int label = 0;
  for (int i = 0; i < classes; ++i) {
    const float logit = logits[i];
    if (logit > top) {
      second = top;
      top = logit;
      label = i;
    } else if (logit > second) {
      second = logit;
    }
  }
  const float scale = 1 / temperature;
  float total, weighted;
  image_kernels().partition(logits.data(), classes, top, scale, total, weighted);
  const float confidence = 1 / total;
  const float runner_up = std::exp((second - top) * scale) * confidence;  // with one class: e^-inf
  // H = log(total) - weighted / total; rounding may leave it a hair outside [0, 1].
  const float entropy =
      classes > 1 ? (std::log(total) - weighted * confidence) / std::log(static_cast<float>(classes)) : 0;
  return {label, confidence, entropy < 0 ? 0 : entropy > 1 ? 1 : entropy, confidence - runner_up};
}

float router_score(const plan::Router& router, std::span<const float> features, const Evidence& seen) {
  const RouterExtra extra{seen.confidence, seen.entropy, seen.margin};
  const int width = router.feature_width;
  const float skip = router.skip * ((seen.confidence - router.mean[width]) * router.scale[width]);
  const float logit = image_kernels().hidden_layer(router, features.data(), extra) + router.bias2 + skip;
  return 1 / (1 + std::exp(-logit));
}

float escalation_score(plan::PolicyKind policy, const plan::Exit& exit, std::span<const float> features,
                       const Evidence& seen) {
  switch (policy) {
    case plan::PolicyKind::learned:
      return router_score(*exit.router, features, seen);
    case plan::PolicyKind::confidence:
    case plan::PolicyKind::agreement:
      return 1 - seen.confidence;
    case plan::PolicyKind::entropy:
      return seen.entropy;
    case plan::PolicyKind::margin:
      return 1 - seen.margin;
  }
  return 0;
}

}  // namespace triage::runtime
