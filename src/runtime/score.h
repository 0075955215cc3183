// Escalation scores of an exit, from its logits and pooled features. Pure functions, no allocation, thread-safe.
// Every score is in [0, 1] and grows with the need for a bigger net.
#pragma once

#include <span>

#include "plan/plan.h"

namespace triage::runtime {

struct Evidence {
  int label = 0;         // argmax of the logits, lowest index on ties
  float confidence = 0;  // largest probability
  float entropy = 0;     // of the probabilities, divided by log(classes): in [0, 1]
  float margin = 0;      // largest minus second largest probability
};

// Probabilities are softmax(logits / temperature).
Evidence evidence(std::span<const float> logits, float temperature);

// g(x); features has router.feature_width elements.
float router_score(const plan::Router& router, std::span<const float> features, const Evidence& evidence);

// learned: g(x); confidence: 1 - confidence; entropy: entropy; margin: 1 - margin; agreement, of a stage that nobody
// else has answered with: as confidence (of several: disagreement() in answers.h).
float escalation_score(plan::PolicyKind policy, const plan::Exit& exit, std::span<const float> features,
                       const Evidence& evidence);

}  // namespace triage::runtime
