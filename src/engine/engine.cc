#include "engine/engine.h"

#include "engine/status.h"

namespace triage::engine {

const Artifact& accepted(const Engine& engine, std::span<const Artifact> artifacts) {
  WhyNot reason;
  for (const Artifact& artifact : artifacts) {
    const WhyNot here = engine.accepts(artifact);
    if (!here) return artifact;
    if (artifact.engine.engine == engine.name()) reason = here;
  }
  fail_with(ErrorCode::unsupported, "{}", reason ? *reason : std::format("has no file for engine '{}'", engine.name()));
}

Result<std::unique_ptr<Session>> open_session(const Engine& engine, const Artifact& artifact, const fs::path& directory,
                                              const EngineSpec& spec, const SessionOptions& options) {
  try {
    return engine.opener(spec, options)->open({&artifact, 1}, directory);
  } catch (...) {
    return current_error();
  }
}

}  // namespace triage::engine
