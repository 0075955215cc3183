#include "runtime/exit_step.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>

#include "engine/status.h"

namespace triage::runtime {

ExitStep::ExitStep(const plan::Plan& plan, int stage)
    : stage_(&plan.stages[stage]),
      index_(stage),
      classes_(static_cast<int>(plan.classes.size())),
      policy_(plan.policy),
      temperature_(static_cast<float>(plan.stages[stage].exit.temperature)),
      last_(stage + 1 == static_cast<int>(plan.stages.size())),
      answer_(stage_->exit, policy_, stage, last_) {}

// After answer_ of the image, which leaves what it mixed in buffers.mixed.
void ExitStep::write_details(std::span<const float> logits, std::size_t image, std::size_t images,
                             const AnswerBuffers& buffers) const {
  const Details& details = buffers.details;
  const std::size_t classes = logits.size();
  if (!details.logits.empty()) std::ranges::copy(logits, details.logits.subspan(image * classes, classes).begin());
  if (details.probabilities.empty() && details.top.empty()) return;
  const std::span own =
      details.probabilities.empty() ? buffers.mixed : details.probabilities.subspan(image * classes, classes);
  if (!answer_.mixes()) {
    calibrate(logits, temperature_, own);
  } else if (own.data() != buffers.mixed.data()) {
    std::ranges::copy(buffers.mixed, own.begin());
  }
  if (details.top.empty()) return;
  // By logits where probabilities follow from them: two that differ may round to one probability.
  const std::span<const float> keys = answer_.mixes() ? own : logits;
  const std::span top = details.top.subspan(image * (details.top.size() / images), details.top.size() / images);
  std::iota(buffers.order.begin(), buffers.order.end(), 0);
  std::ranges::partial_sort(buffers.order, buffers.order.begin() + static_cast<std::ptrdiff_t>(top.size()),
                            [&](int a, int b) { return keys[a] > keys[b] || (keys[a] == keys[b] && a < b); });
  for (std::size_t k = 0; k < top.size(); ++k) top[k] = {buffers.order[k], own[buffers.order[k]]};
}

int ExitStep::decide(int n, double threshold, const float* logits, const float* features,
                     std::span<const HandOver> buffers, std::span<int> image, std::span<Outcome> outcomes,
                     const AnswerBuffers& so_far) const {
  const std::size_t classes = classes_, width = wants_features() ? stage_->feature_width : 0;
  std::array<const float*, plan::kMaxStages> answers;  // of the image, of so many stages
  std::size_t stages = std::min(so_far.answers.size(), static_cast<std::size_t>(index_) + 1);
  if (std::ranges::none_of(so_far.answers.first(stages), [](const float* answer) { return answer; })) stages = 0;
  const bool wants_details = so_far.details.wanted();
  const std::span<float> scores = so_far.details.scores;  // [images, exits]
  const std::size_t exits = outcomes.empty() ? 0 : scores.size() / outcomes.size();
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
    if (!last_ && !scores.empty()) scores[image[i] * exits + index_] = score;
    if (last_ || !goes_on(score, threshold)) {
      outcomes[image[i]] = {.label = seen.label, .probability = seen.confidence, .exit = index_, .score = score};
      if (wants_details) write_details(own, image[i], outcomes.size(), so_far);
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
