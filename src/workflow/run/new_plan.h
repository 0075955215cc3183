// A run's plan and what belongs to it, made beside RUN/plan/ and put in place in one rename.
#pragma once

#include "compiler/compile_stage.h"
#include "core/files/new_directory.h"
#include "plan/plan.h"

namespace triage::workflow {

// All is written into directory(): the plan, and costs.json, latency.json, router.pt, router.json, int8.json and stage
// files, which the run has as links into plan/, so that they change with it. What the old plan's directory has beside
// its own files stays. Without publish() nothing of before changes.
class NewPlan {
 public:
  explicit NewPlan(fs::path run);

  const fs::path& directory() const { return made_.path(); }
  void publish();

 private:
  fs::path run_;
  NewDirectory made_;
};

// The files in a plan directory that are a plan's: plan.json, plan.onnx, curve.json, what compilations left and, where
// plan.json can be read, what it names.
std::set<std::string> files_of_plan(const fs::path& directory);

}  // namespace triage::workflow
