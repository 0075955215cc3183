#include "runtime/exit_step.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "engine/status.h"

namespace triage::runtime {

ExitStep::ExitStep(const plan::Plan& plan, int stage, double threshold)
    : stage_(&plan.stages[stage]),
      index_(stage),
      classes_(static_cast<int>(plan.classes.size())),
      policy_(plan.policy),
      temperature_(static_cast<float>(plan.stages[stage].exit.temperature)),
      threshold_(threshold),
      last_(stage + 1 == static_cast<int>(plan.stages.size())),
      answer_(stage_->exit, policy_, stage, last_) {}

int ExitStep::decide(int n, const float* logits, const float* features, std::span<const HandOver> buffers,
                     std::span<int> image, std::span<Outcome> outcomes, const AnswerBuffers& so_far) const {
  const std::size_t classes = classes_, width = wants_features() ? stage_->feature_width : 0;
  std::array<const float*, plan::kMaxStages> answers;  // of the image, of so many stages
  std::size_t stages = std::min(so_far.answers.size(), static_cast<std::size_t>(index_) + 1);
  if (std::ranges::none_of(so_far.answers.first(stages), [](const float* answer) { return answer; })) stages = 0;
  int kept = 0;
  for (int i = 0; i < n; ++i) {
    const std::span own(logits + i * classes, classes);
    for (std::size_t k = 0; k < stages; ++k) {
      float* const answer = so_far.answers[k] ? so_far.answers[k] + i * classes : nullptr;
      if (answer && k + 1 == stages) calibrate(own, temperature_, {answer, classes});
      answers[k] = answer;
    }
    const auto [seen, score] = answer_(own, {features + i * width, width}, {answers.data(), stages}, so_far.mixed);
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
