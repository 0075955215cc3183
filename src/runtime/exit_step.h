// What happens at an exit, behind the stage's network: evidence, score, compare, and the hand-over of the rows that
// go on to the next stage. This is the routing decision whose cost bench/routing_bench.cc measures.
#pragma once

#include <cstddef>
#include <span>

#include "plan/plan.h"
#include "triage/classifier.h"

namespace triage::runtime {

// A buffer [n, row] that a later stage reads. Not owned.
struct HandOver {
  float* data = nullptr;
  std::size_t row = 0;  // elements
};

class ExitStep {
 public:
  // The plan must outlive the step. Escalates while score > threshold; never at the last stage.
  ExitStep(const plan::Plan& plan, int stage, double threshold);

  bool last() const { return last_; }
  bool wants_features() const { return !last_ && policy_ == plan::PolicyKind::learned && stage_->feature_width > 0; }

  // Row i belongs to outcomes[image[i]], i < n. logits [n, classes]; features [n, feature_width], unused unless
  // wants_features(). Rows that leave here get their outcome; rows that go on are moved to the front, in order, in
  // `image` and in every buffer. Returns their number. Thread-safe, no allocation. Throws Failure when the logits
  // give no finite probability.
  int decide(int n, const float* logits, const float* features, std::span<const HandOver> buffers, std::span<int> image,
             std::span<Outcome> outcomes) const;

 private:
  const plan::Stage* stage_;
  int index_, classes_;
  plan::PolicyKind policy_;
  float temperature_;
  double threshold_;
  bool last_;
};

}  // namespace triage::runtime
