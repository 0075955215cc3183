// Opening stages of plans: the one place that goes from a plan's files to an engine's sessions.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "plan/plan.h"

namespace triage::runtime {

// For the stages of one plan, which share what the engine lets them share. Not thread-safe.
class StageOpener {
 public:
  // Throws Failure: bad_input for an engine that there is not, unsupported for one that cannot run here.
  StageOpener(fs::path directory, engine::EngineSpec spec, const engine::SessionOptions& options = {});

  // Why the engine does not run the stage, as far as the plan tells: it has no file for it, or none for this CPU.
  engine::WhyNot why_not(const plan::Stage& stage) const;

  // The file that the engine runs. Throws Failure (unsupported) naming the stage and why_not().
  fs::path file(const plan::Stage& stage) const;

  // Throws Failure as file() does, and as engine::Opener::open; `unsupported` names engine and stage.
  std::unique_ptr<engine::Session> open(const plan::Stage& stage);

 private:
  [[noreturn]] void refuse(const plan::Stage& stage, const std::string& reason) const;

  fs::path directory_;
  engine::EngineSpec spec_;
  const engine::Engine* engine_;
  std::unique_ptr<engine::Opener> opener_;
};

// Opens each stage with the first engine, in the registry's order of preference, that can run it here; stages of one
// engine share what it lets them share. Not thread-safe.
class BestOpener {
 public:
  BestOpener(fs::path directory, int threads, const engine::SessionOptions& options);

  struct Opened {
    std::unique_ptr<engine::Session> session;
    std::string_view engine;  // its name
    fs::path file;            // that it runs
    std::string note;         // why an engine before it does not run the file that the stage has for it; else empty
  };
  // Throws Failure as StageOpener::open does; `unsupported` only where no engine runs the stage. Damage is no reason to
  // take the next one.
  Opened open(const plan::Stage& stage);

 private:
  StageOpener& opener_of(const engine::Engine& engine);

  fs::path directory_;
  int threads_;
  engine::SessionOptions options_;
  std::map<std::string_view, StageOpener> openers_;  // by the engine's name, made when it is first asked for
};

// All stages of a plan, in order, by one engine. Throws Failure. Nothing is opened where a stage has no file for the
// engine.
std::vector<std::unique_ptr<engine::Session>> open_stages(const plan::Plan& plan, const fs::path& directory,
                                                          const engine::EngineSpec& spec,
                                                          const engine::SessionOptions& options = {});

}  // namespace triage::runtime
