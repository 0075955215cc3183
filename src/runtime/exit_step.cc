#include "runtime/exit_step.h"

#include <cmath>
#include <cstring>

#include "engine/status.h"
#include "runtime/score.h"

namespace triage::runtime {

ExitStep::ExitStep(const plan::Plan& plan, int stage, double threshold)
    : stage_(&plan.stages[stage]),
      index_(stage),
      classes_(static_cast<int>(plan.classes.size())),
      policy_(plan.policy),
      temperature_(static_cast<float>(plan.stages[stage].exit.temperature)),
      threshold_(threshold),
      last_(stage + 1 == static_cast<int>(plan.stages.size())) {}

int ExitStep::decide(int n, const float* logits, const float* features, std::span<const HandOver> buffers,
                     std::span<int> image, std::span<Outcome> outcomes) const {
  const std::size_t classes = classes_, width = wants_features() ? stage_->feature_width : 0;
  int kept = 0;
  for (int i = 0; i < n; ++i) {
    const Evidence seen = evidence({logits + i * classes, classes}, temperature_);
    float score = 0;
    if (!last_) score = escalation_score(policy_, stage_->exit, {features + i * width, width}, seen);
    if (!std::isfinite(seen.confidence) || !std::isfinite(score)) {
      engine::fail_with(ErrorCode::engine_failure, "stage '{}' ({}): image {} of the batch has no finite {}",
                        stage_->name, stage_->onnx, image[i],
                        std::isfinite(seen.confidence) ? "escalation score" : "probabilities");
    }
    if (last_ || !(static_cast<double>(score) > threshold_)) {
      outcomes[image[i]] = {.label = seen.label, .probability = seen.confidence, .exit = index_, .score = score};
      continue;
    }
    if (kept != i) {
      image[kept] = image[i];
      for (const HandOver& buffer : buffers) {
        std::memcpy(buffer.data + kept * buffer.row, buffer.data + i * buffer.row, buffer.row * sizeof(float));
      }
    }
    ++kept;
  }
  return kept;
}

}  // namespace triage::runtime
