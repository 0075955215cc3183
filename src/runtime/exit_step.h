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

// Of exits that answer together with stages before them, and what else a call writes. Not owned.
struct AnswerBuffers {
  std::span<float* const> answers;  // by stage: [n, classes] calibrated probabilities, null where no exit reads them
  std::span<float> mixed;           // [classes], scratch
  std::span<int> order;             // [classes], scratch, where details.top is wanted; `mixed` is needed then, too
  Details details;                  // rows as outcomes
};

class ExitStep {
 public:
  ExitStep(const plan::Plan& plan, int stage);  // the plan must outlive the step

  bool last() const { return last_; }
  static bool goes_on(float score, double threshold) { return static_cast<double>(score) > threshold; }
  bool wants_features() const { return !last_ && policy_ == plan::PolicyKind::learned && stage_->feature_width > 0; }

  bool reads_answer(int stage) const { return answer_.reads(stage); }  // of a stage up to this one

  // Rows go on while score > threshold, none from the last stage. Row i belongs to outcomes[image[i]], i < n. logits
  // [n, classes]; features [n, feature_width], unused unless wants_features(). Rows that leave here get their outcome
  // and details; rows that go on are moved to the front, in order, in `image` and in every buffer. Returns their
  // number. Where so_far has room for this stage's probabilities, they are written there; those of the stages it reads
  // must be there. Thread-safe, no allocation. Throws Failure when the logits give no finite probability.
  int decide(int n, double threshold, const float* logits, const float* features, std::span<const HandOver> buffers,
             std::span<int> image, std::span<Outcome> outcomes, const AnswerBuffers& so_far = {}) const;

 private:
  void write_details(std::span<const float> logits, std::size_t image, std::size_t images,
                     const AnswerBuffers& buffers) const;

  const plan::Stage* stage_;
  int index_, classes_;
  plan::PolicyKind policy_;
  float temperature_;
  bool last_;
  ExitAnswer answer_;
};

}  // namespace triage::runtime
