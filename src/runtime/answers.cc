#include "runtime/answers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/image_kernels.h"

namespace triage::runtime {

void calibrate(std::span<const float> logits, float temperature, std::span<float> probabilities) {
  float top = -std::numeric_limits<float>::infinity();
  for (const float logit : logits) top = logit > top ? logit : top;
  image_kernels().softmax(logits.data(), static_cast<int>(logits.size()), top, 1 / temperature, probabilities.data());
}

Evidence mixed_evidence(StageAnswers answers, std::span<const float> weights, std::span<float> mixed, bool entropy) {
  bool first = true;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    const float weight = weights[k];
    if (!(weight > 0)) continue;
    const float* answer = answers[k];
    if (first) {
      for (std::size_t c = 0; c < mixed.size(); ++c) mixed[c] = weight * answer[c];
    } else {
      for (std::size_t c = 0; c < mixed.size(); ++c) mixed[c] += weight * answer[c];
    }
    first = false;
  }
  Evidence seen;
  float second = 0, sum = 0;
  for (std::size_t c = 0; c < mixed.size(); ++c) {
    const float p = mixed[c];
    sum += p;
    if (p > seen.confidence) {
      second = seen.confidence;
      seen.confidence = p;
      seen.label = static_cast<int>(c);
    } else if (p > second) {
      second = p;
    }
  }
  if (!std::isfinite(sum)) seen.confidence = sum;  // not a number is greater than none
  seen.margin = seen.confidence - second;
  if (entropy && mixed.size() > 1) {
    float nats = 0;
    for (const float p : mixed) nats -= p > 0 ? p * std::log(p) : 0;
    seen.entropy = std::clamp(nats / std::log(static_cast<float>(mixed.size())), 0.0f, 1.0f);
  }
  return seen;
}

float disagreement(StageAnswers answers, int classes, int label) {
  float sum = 0;
  for (const float* answer : answers) {
    float top = answer[label];
    for (int c = 0; c < classes; ++c) top = answer[c] > top ? answer[c] : top;
    sum += top - answer[label];
  }
  return sum / static_cast<float>(answers.size());
}

ExitAnswer::ExitAnswer(const plan::Exit& exit, plan::PolicyKind policy, int stage, bool last)
    : exit_(&exit),
      policy_(policy),
      temperature_(static_cast<float>(exit.temperature)),
      last_(last),
      compares_(policy == plan::PolicyKind::agreement && stage > 0 && !last) {
  if (exit.answer_weights.size() != static_cast<std::size_t>(stage) + 1) return;
  weights_.assign(exit.answer_weights.begin(), exit.answer_weights.end());
}

ExitAnswer::Answer ExitAnswer::operator()(std::span<const float> logits, std::span<const float> features,
                                          StageAnswers answers, std::span<float> mixed) const {
  Answer answer;
  const bool learned = !last_ && policy_ == plan::PolicyKind::learned;
  if (weights_.empty() || learned) answer.seen = evidence(logits, temperature_);
  if (learned) answer.score = router_score(*exit_->router, features, answer.seen);
  if (!weights_.empty())
    answer.seen = mixed_evidence(answers, weights_, mixed, !last_ && policy_ == plan::PolicyKind::entropy);
  if (compares_)
    answer.score = disagreement(answers, static_cast<int>(logits.size()), answer.seen.label);
  else if (!last_ && !learned)
    answer.score = escalation_score(policy_, *exit_, features, answer.seen);
  return answer;
}

}  // namespace triage::runtime
