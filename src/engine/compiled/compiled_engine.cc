#include "engine/compiled/compiled_engine.h"

#include <algorithm>

#include "core/system/cpu.h"
#include "engine/compiled/compiled_session.h"
#include "engine/status.h"

namespace triage::engine {
namespace {

class CompiledOpener : public Opener {
 public:
  CompiledOpener(const Engine& engine, const EngineSpec& spec, const SessionOptions& options)
      : engine_(engine),
        options_{.threads = spec.threads, .allow_spinning = options.allow_spinning, .profile = options.profile} {
    options_.libraries = std::make_shared<KernelLibraries>();
  }

  std::unique_ptr<Session> open(std::span<const Artifact> artifacts, const fs::path& directory) override {
    const Artifact& artifact = accepted(engine_, artifacts);
    if (!options_.team) options_.team = team_for(options_);
    options_.sha256 = artifact.sha256;
    return take(open_compiled((directory / artifact.file).string(), options_));
  }

 private:
  const Engine& engine_;
  CompiledOptions options_;
};

class CompiledEngine : public Engine {
 public:
  std::string_view name() const override { return kCompiled; }
  std::string version() const override { return compiled_engine_version(); }
  std::vector<std::string> providers() const override { return {kTuned, kUntuned}; }

  WhyNot available(const EngineSpec& spec) const override {
    if (spec.device != kCpu) return std::format("device: found '{}', expected {}", spec.device, kCpu);
    if (spec.provider == kTuned || spec.provider == kUntuned) return {};
    return std::format("provider: found '{}', expected {} or {}", spec.provider, kTuned, kUntuned);
  }

  WhyNot accepts(const Artifact& artifact) const override {
    if (artifact.engine.engine != name()) {
      return std::format("{} is for engine '{}'", artifact.file, artifact.engine.engine);
    }
    const std::vector<std::string> here = cpu_features().names();
    std::string missing, needed;
    for (const std::string& feature : artifact.needs) {
      needed += " " + feature;
      if (!std::ranges::binary_search(here, feature)) missing += " " + feature;
    }
    if (missing.empty()) return {};
    return std::format("{}: compiled for a CPU with{}, this one ({}) has no{}", artifact.file, needed, cpu_name(),
                       missing);
  }

  std::unique_ptr<Opener> opener(const EngineSpec& spec, const SessionOptions& options) const override {
    return std::make_unique<CompiledOpener>(*this, spec, options);
  }
};

}  // namespace

const Engine& compiled_engine() {
  static const CompiledEngine engine;
  return engine;
}

}  // namespace triage::engine
