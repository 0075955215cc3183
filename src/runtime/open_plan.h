// A plan directory as what can run: the plan and an open session per stage.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/session.h"
#include "plan/plan.h"
#include "triage/classifier.h"

namespace triage::runtime {

struct OpenPlan {
  plan::Plan plan;
  std::vector<std::unique_ptr<engine::Session>> sessions;  // one per stage
  std::vector<std::string> engines;                        // ClassifierInfo::engines
  std::string note;                                        // ClassifierInfo::engine_note
  std::string threads_note;                                // ClassifierInfo::threads_note
};

// Of the options engine, threads and allow_spinning. Every file is checked. Throws Failure, or what load_plan throws.
OpenPlan open_plan(const std::string& directory, const ClassifierOptions& options);

ClassifierInfo info_of(const OpenPlan& open);

}  // namespace triage::runtime
