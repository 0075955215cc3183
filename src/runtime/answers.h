// What an exit answers and how much a bigger net is needed: from its own stage alone, or together with the stages
// before it (plan::Exit::answer_weights, the policy `agreement`). The one definition for the runtime (exit_step.h) and
// for score tables (route/policy_scores.h). No allocation, thread-safe.
#pragma once

#include <span>
#include <vector>

#include "runtime/score.h"

namespace triage::runtime {

// Calibrated probabilities of one image, [stages so far][classes]; null where an exit does not read them.
using StageAnswers = std::span<const float* const>;

// softmax(logits / temperature) into probabilities, of the same size.
void calibrate(std::span<const float> logits, float temperature, std::span<float> probabilities);

// The weighted mean of the answers, added in the order of the stages into `mixed` [classes], and what it says: label,
// confidence and margin as in Evidence. The entropy costs a logarithm a class: 0 unless asked for.
Evidence mixed_evidence(StageAnswers answers, std::span<const float> weights, std::span<float> mixed, bool entropy);

// 0 where every stage names `label`; grows to 1 with how much the others prefer their own: the mean over the stages of
// (largest probability - that of `label`). Agreement of answers as evidence: Kolawole et al., arXiv 2407.02348.
float disagreement(StageAnswers answers, int classes, int label);

class ExitAnswer {
 public:
  struct Answer {
    Evidence seen;    // what the exit answers from
    float score = 0;  // in [0, 1], grows with the need for a bigger net; 0 at the last exit
  };

  // exit: that of stage `stage` of a plan; must outlive this. Weights of another number than stage + 1 are no weights.
  ExitAnswer(const plan::Exit& exit, plan::PolicyKind policy, int stage, bool last);

  // Whether `answers` must hold the probabilities of this stage, at most this exit's own.
  bool reads(int stage) const { return compares_ || (!weights_.empty() && weights_[stage] > 0); }

  bool mixes() const { return !weights_.empty(); }  // then `mixed` holds the probabilities it answered from

  // logits [classes] of the own stage, features of it where the policy is `learned`; answers [stage + 1] and mixed
  // [classes], scratch: unused unless some stage is read. The scores follow from what the exit answers; but a learned
  // router sees its own stage's evidence, which it was trained on.
  Answer operator()(std::span<const float> logits, std::span<const float> features, StageAnswers answers,
                    std::span<float> mixed) const;

 private:
  const plan::Exit* exit_;
  plan::PolicyKind policy_;
  float temperature_;
  bool last_, compares_;
  std::vector<float> weights_;  // empty: the own stage's alone
};

}  // namespace triage::runtime
