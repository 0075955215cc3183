#include "runtime/open_stage.h"

#include <algorithm>

#include "engine/registry.h"
#include "engine/status.h"

namespace triage::runtime {

StageOpener::StageOpener(fs::path directory, engine::EngineSpec spec, const engine::SessionOptions& options)
    : directory_(std::move(directory)),
      spec_(std::move(spec)),
      engine_(&engine::engine_for(spec_)),
      opener_(engine_->opener(spec_, options)) {}

std::vector<engine::Artifact> StageOpener::files_of(const plan::Stage& stage) const {
  std::vector<engine::Artifact> files = stage.files();
  const auto is_for_it = [&](const engine::Artifact& artifact) { return artifact.engine.engine == spec_.engine; };
  if (spec_.engine != engine::kCheck && std::ranges::none_of(files, is_for_it)) {
    engine::fail_with(ErrorCode::unsupported, "engine '{}': stage '{}' {}", spec_.engine, stage.name,
                      spec_.engine == engine::kCompiled ? "was not compiled" : "has no file for it");
  }
  return files;
}

fs::path StageOpener::file(const plan::Stage& stage) const {
  return directory_ / engine::accepted(*engine_, files_of(stage)).file;
}

std::unique_ptr<engine::Session> StageOpener::open(const plan::Stage& stage) {
  return opener_->open(files_of(stage), directory_);
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
