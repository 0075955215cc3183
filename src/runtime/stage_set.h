// A plan and one session per stage, checked against each other: what walks over a plan stands on it (the executor, a
// server's scheduler). Thread-safe; immutable but for the thresholds.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/session.h"
#include "plan/plan.h"
#include "runtime/exit_step.h"
#include "runtime/image_inputs.h"
#include "runtime/live_thresholds.h"

namespace triage::runtime {

// The stage's inputs and outputs against what the plan says; `origin` is what messages call the stage's file. `inputs`:
// of the plan. `source`: shape of the stage whose carry this one reads, null for image stages. Throws Failure.
void check_stage(const plan::Plan& plan, int stage, const ImageInputs& inputs, const engine::SessionInfo& shape,
                 const engine::SessionInfo* source, const std::string& origin);

class StageSet {
 public:
  static constexpr int kMaxRows = 64;  // of a batch that runs in one go

  // One session per stage, in order. thresholds: empty for the plan's own, else one per exit but the last. Throws
  // Failure when the sessions, the plan and the thresholds do not fit together.
  StageSet(plan::Plan plan, std::vector<std::unique_ptr<engine::Session>> sessions,
           std::span<const double> thresholds = {});
  StageSet(const StageSet&) = delete;
  StageSet& operator=(const StageSet&) = delete;

  int size() const { return static_cast<int>(sessions_.size()); }
  const plan::Plan& plan() const { return plan_; }
  const ImageInputs& inputs() const { return inputs_; }
  const engine::SessionInfo& shape(int stage) const { return sessions_[stage]->info(); }
  const ExitStep& exit(int stage) const { return exits_[stage]; }
  LiveThresholds& thresholds() { return thresholds_; }
  const LiveThresholds& thresholds() const { return thresholds_; }

  // n images through a stage's network. Throws Failure, which names the stage.
  void run(int stage, int n, const engine::StageTensors& tensors) const;

  // The last stage that reads what a stage carries over, or its probabilities; the last that takes an input; -1: none.
  int last_reader(int stage) const { return last_reader_[stage]; }
  int last_answer_reader(int stage) const { return last_answer_reader_[stage]; }
  int last_input_reader(int input) const { return last_input_reader_[input]; }

  int max_rows() const { return max_rows_; }  // kMaxRows; fewer where they would take more than about 16 MB of buffers

 private:
  plan::Plan plan_;
  std::vector<std::unique_ptr<engine::Session>> sessions_;
  LiveThresholds thresholds_;
  ImageInputs inputs_;
  std::vector<ExitStep> exits_;
  std::vector<int> last_reader_, last_answer_reader_, last_input_reader_;
  int max_rows_ = kMaxRows;
};

}  // namespace triage::runtime
