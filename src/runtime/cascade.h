// The walk over all stages of a plan: every stage runs on every image, a feature stage from the map that its source
// carries over. For what wants to know all answers (score tables, carried maps); classifying is the executor's, where
// images leave on the way.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/session.h"
#include "plan/plan.h"
#include "runtime/image_inputs.h"

namespace triage::runtime {

struct StageOutputs {         // where a stage writes; null: not wanted
  float* logits = nullptr;    // [n, classes]
  float* features = nullptr;  // [n, feature_width]
};

// Not thread-safe: it owns the carried maps.
class CascadeWalk {
 public:
  using OutputsOf = std::function<StageOutputs(std::size_t stage)>;

  // sessions[s] runs plan.stages[s]; null: that stage is left out, and no other may start from it. Both outlive the
  // walk. batch: images of a run, at most. Throws Error where a stage that others start from carries nothing over.
  CascadeWalk(const plan::Plan& plan, std::span<const std::unique_ptr<engine::Session>> sessions, int batch);

  // images: 1 to `batch`, as the plan takes them (unchecked). outputs_of is asked once for each stage, in order; empty:
  // nothing is wanted but the carried maps. Throws Error naming the stage that fails.
  void run(std::span<const ImageView> images, const OutputsOf& outputs_of = {});

  // Of the last run: [batch, carry_size], for a stage that others start from.
  std::span<const float> carry(std::size_t stage) const { return carry_[stage]; }

 private:
  const plan::Plan& plan_;
  std::span<const std::unique_ptr<engine::Session>> sessions_;
  ImageInputs inputs_;
  preprocess::Scratch scratch_;
  std::vector<std::vector<float>> prepared_;  // by distinct input
  std::vector<std::vector<float>> carry_;     // by stage; empty: nobody starts from it
  std::vector<float> logits_;                 // of stages whose logits are not wanted: every session gives some
};

}  // namespace triage::runtime
