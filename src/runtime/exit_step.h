// What happens at an exit, behind the stage's network: evidence, score, compare, and the hand-over of the rows that
// go on to the next stage. This is the routing decision whose cost bench/routing_bench.cc measures.
#pragma once

#include <cstddef>
#include <span>

#include "plan/plan.h"
#include "runtime/answers.h"
#include "triage/classifier.h"

namespace triage::runtime {

// A buffer [n, row] that a later stage reads. Not owned.
struct HandOver {
  float* data = nullptr;
  std::size_t row = 0;  // elements
};

// Of exits that answer together with stages before them. Not owned.
struct AnswerBuffers {
  std::span<float* const> answers;  // by stage: [n, classes] calibrated probabilities, null where no exit reads them
  std::span<float> mixed;           // [classes], scratch
};

class ExitStep {
 public:
  // The plan must outlive the step. Escalates while score > threshold; never at the last stage.
  ExitStep(const plan::Plan& plan, int stage, double threshold);

  bool last() const { return last_; }
  bool wants_features() const { return !last_ && policy_ == plan::PolicyKind::learned && stage_->feature_width > 0; }

  bool reads_answer(int stage) const { return answer_.reads(stage); }  // of a stage up to this one

  // Row i belongs to outcomes[image[i]], i < n. logits [n, classes]; features [n, feature_width], unused unless
  // wants_features(). Rows that leave here get their outcome; rows that go on are moved to the front, in order, in
  // `image` and in every buffer. Returns their number. Where so_far has room for this stage's probabilities, they are
  // written there; those of the stages it reads must be there. Thread-safe, no allocation. Throws Failure when the
  // logits give no finite probability.
  int decide(int n, const float* logits, const float* features, std::span<const HandOver> buffers, std::span<int> image,
             std::span<Outcome> outcomes, const AnswerBuffers& so_far = {}) const;

 private:
  const plan::Stage* stage_;
  int index_, classes_;
  plan::PolicyKind policy_;
  float temperature_;
  double threshold_;
  bool last_;
  ExitAnswer answer_;
};

}  // namespace triage::runtime
