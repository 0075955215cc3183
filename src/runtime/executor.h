// Runs a plan on one session per stage. Classifier is this plus files; tests hand in fake sessions.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/session.h"
#include "engine/threads/pool.h"
#include "plan/plan.h"
#include "runtime/exit_step.h"
#include "runtime/image_inputs.h"
#include "triage/classifier.h"

namespace triage::runtime {

// The stage's inputs and outputs against what the plan says; `origin` is what messages call the stage's file. `inputs`:
// of the plan. `source`: shape of the stage whose carry this one reads, null for image stages. Throws Failure.
void check_stage(const plan::Plan& plan, int stage, const ImageInputs& inputs, const engine::SessionInfo& shape,
                 const engine::SessionInfo* source, const std::string& origin);

class Executor {
 public:
  static constexpr int kMaxRows = 64;  // larger batches run in pieces of this size, fewer where images are large

  // One session per stage, in order. thresholds: empty for the plan's own, else one per exit but the last. Throws
  // Failure when the sessions, the plan and the thresholds do not fit together.
  Executor(plan::Plan plan, std::vector<std::unique_ptr<engine::Session>> sessions,
           std::span<const double> thresholds = {});
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // As Classifier::classify.
  Status classify(std::span<const ImageView> images, std::span<Outcome> outcomes) const;
  const plan::Plan& plan() const { return plan_; }

 private:
  struct Workspace;  // the buffers of one call
  class Lease;

  void prepare(Workspace& space, int input, std::span<const ImageView> images, int n) const;
  void run_rows(Workspace& space, std::span<const ImageView> images, std::span<Outcome> outcomes) const;

  plan::Plan plan_;
  std::vector<std::unique_ptr<engine::Session>> sessions_;
  std::vector<ExitStep> exits_;
  std::vector<int> last_reader_;         // per stage: the last stage that reads its carry, -1 for none
  std::vector<int> last_answer_reader_;  // per stage: the last exit that reads its probabilities, -1 for none
  ImageInputs inputs_;
  std::vector<int> last_input_reader_;  // per distinct input: the last stage that takes it
  int rows_ = kMaxRows;                 // images per piece
  std::unique_ptr<engine::Pool<Workspace>> pool_;
};

}  // namespace triage::runtime
