// Opening stages of plans: the one place that goes from a plan's files to an engine's sessions.
#pragma once

#include <memory>
#include <vector>

#include "engine/engine.h"
#include "plan/plan.h"

namespace triage::runtime {

// For the stages of one plan, which share what the engine lets them share. Not thread-safe.
class StageOpener {
 public:
  // Throws Failure: bad_input for an engine that there is not, unsupported for one that cannot run here.
  StageOpener(fs::path directory, engine::EngineSpec spec, const engine::SessionOptions& options = {});

  // The file that the engine runs. Throws Failure (unsupported) where the stage has none for it.
  fs::path file(const plan::Stage& stage) const;

  // Throws Failure as file() does, and as engine::Opener::open.
  std::unique_ptr<engine::Session> open(const plan::Stage& stage);

 private:
  std::vector<engine::Artifact> files_of(const plan::Stage& stage) const;  // some are for the engine

  fs::path directory_;
  engine::EngineSpec spec_;
  const engine::Engine* engine_;
  std::unique_ptr<engine::Opener> opener_;
};

// All stages of a plan, in order. Throws Failure. Nothing is opened where a stage has no file for the engine.
std::vector<std::unique_ptr<engine::Session>> open_stages(const plan::Plan& plan, const fs::path& directory,
                                                          const engine::EngineSpec& spec,
                                                          const engine::SessionOptions& options = {});

}  // namespace triage::runtime
