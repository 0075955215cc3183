#include "runtime/open_stage.h"

#include "engine/registry.h"
#include "engine/status.h"

namespace triage::runtime {

StageOpener::StageOpener(fs::path directory, engine::EngineSpec spec, const engine::SessionOptions& options)
    : directory_(std::move(directory)),
      spec_(std::move(spec)),
      engine_(&engine::engine_for(spec_)),
      opener_(engine_->opener(spec_, options)) {}

engine::WhyNot StageOpener::why_not(const plan::Stage& stage) const {
  engine::WhyNot reason = spec_.engine == engine::kCompiled ? "was not compiled" : "has no file for it";
  for (const engine::Artifact& file : stage.files()) {
    const engine::WhyNot here = engine_->accepts(file);
    if (!here) return {};
    if (file.engine.engine == spec_.engine) reason = here;
  }
  return reason;
}

void StageOpener::refuse(const plan::Stage& stage, const std::string& reason) const {
  engine::fail_with(ErrorCode::unsupported, "engine '{}': stage '{}': {}", spec_.text(), stage.name, reason);
}

fs::path StageOpener::file(const plan::Stage& stage) const {
  if (const engine::WhyNot reason = why_not(stage)) refuse(stage, *reason);
  return directory_ / engine::accepted(*engine_, stage.files()).file;
}

std::unique_ptr<engine::Session> StageOpener::open(const plan::Stage& stage) {
  if (const engine::WhyNot reason = why_not(stage)) refuse(stage, *reason);
  try {
    return opener_->open(stage.files(), directory_);
  } catch (const engine::Failure& failure) {  // found out when it was opened
    if (failure.code != ErrorCode::unsupported) throw;
    refuse(stage, failure.what());
  }
}

BestOpener::BestOpener(fs::path directory, int threads, const engine::SessionOptions& options)
    : directory_(std::move(directory)), threads_(threads), options_(options) {}

StageOpener& BestOpener::opener_of(const engine::Engine& engine) {
  const auto known = openers_.find(engine.name());
  if (known != openers_.end()) return known->second;
  engine::EngineSpec spec = engine::spec_of_engine(engine.name());
  spec.threads = threads_;
  return openers_.try_emplace(engine.name(), directory_, spec, options_).first->second;
}

BestOpener::Opened BestOpener::open(const plan::Stage& stage) {
  Opened opened;
  const auto engines = engine::engines();
  for (std::size_t i = 0;; ++i) {
    const engine::Engine& engine = *engines[i];
    try {
      StageOpener& opener = opener_of(engine);
      opened.session = opener.open(stage);
      opened.engine = engine.name();
      opened.file = opener.file(stage);
      return opened;
    } catch (const engine::Failure& failure) {
      if (failure.code != ErrorCode::unsupported || i + 1 == engines.size()) throw;
      if (opened.note.empty() && stage.artifact(engine.name())) opened.note = failure.what();
    }
  }
}

std::vector<std::unique_ptr<engine::Session>> open_stages(const plan::Plan& plan, const fs::path& directory,
                                                          const engine::EngineSpec& spec,
                                                          const engine::SessionOptions& options) {
  StageOpener opener(directory, spec, options);
  for (const plan::Stage& stage : plan.stages) opener.file(stage);
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (const plan::Stage& stage : plan.stages) sessions.push_back(opener.open(stage));
  return sessions;
}

}  // namespace triage::runtime
