#include "engine/onnxruntime/onnx_engine.h"

#include <algorithm>

#include "engine/onnxruntime/onnx_session.h"
#include "engine/onnxruntime/providers.h"
#include "engine/status.h"

namespace triage::engine {
namespace {

class OnnxOpener : public Opener {
 public:
  OnnxOpener(const Engine& engine, const EngineSpec& spec, const SessionOptions& options)
      : engine_(engine),
        options_{.threads = spec.threads,
                 .allow_spinning = options.allow_spinning,
                 .provider = spec.provider,
                 .sha256 = {},
                 .profile = options.profile} {}

  std::unique_ptr<Session> open(std::span<const Artifact> artifacts, const fs::path& directory) override {
    const Artifact& artifact = accepted(engine_, artifacts);
    options_.sha256 = artifact.sha256;
    return take(open_onnx((directory / artifact.file).string(), options_));
  }

 private:
  const Engine& engine_;
  OnnxOptions options_;
};

class OnnxEngine : public Engine {
 public:
  std::string_view name() const override { return kOnnxRuntime; }
  std::string version() const override { return onnx_runtime_version(); }
  std::vector<std::string> providers() const override { return onnx_providers(); }

  WhyNot available(const EngineSpec& spec) const override {
    if (spec.device != kCpu) return std::format("device: found '{}', expected {}", spec.device, kCpu);
    return why_not_provider(spec.provider);
  }

  WhyNot accepts(const Artifact& artifact) const override {
    if (artifact.engine.engine != name())
      return std::format("{} is for engine '{}'", artifact.file, artifact.engine.engine);
    return {};
  }

  std::unique_ptr<Opener> opener(const EngineSpec& spec, const SessionOptions& options) const override {
    return std::make_unique<OnnxOpener>(*this, spec, options);
  }
};

}  // namespace

const Engine& onnx_engine() {
  static const OnnxEngine engine;
  return engine;
}

}  // namespace triage::engine
