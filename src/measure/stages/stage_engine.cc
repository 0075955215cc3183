#include "measure/stages/stage_engine.h"

#include "core/error.h"
#include "engine/compiled/compiled_backend.h"

namespace triage::measure {

std::vector<std::string> providers() {
  std::vector<std::string> names = engine::onnx_providers();
  names.emplace_back(kCompiledProvider);
  return names;
}

std::string engine_of(const std::string& provider) {
  return provider.starts_with(kCompiledProvider) ? "compiled" : "onnxruntime";  // untuned kernels are compiled, too
}

std::string engine_version_of(const std::string& provider) {
  return provider == kCompiledProvider ? engine::compiled_engine_version() : engine::onnx_runtime_version();
}

cost::CostKey row_key(const std::string& provider, const plan::Stage* stage, int threads, int batch) {
  return cost::cost_key(stage ? stage->name : kWholePlan, engine_of(provider), provider,
                        stage ? stage->precision : plan::Precision::fp32, threads, batch);
}

bool runs_plans(const std::string& provider) { return provider == "cpu" || provider == kCompiledProvider; }

fs::path stage_file(const plan::Stage& stage, const fs::path& directory, const std::string& provider) {
  if (provider != kCompiledProvider) return directory / stage.onnx;
  if (!stage.compiled) fail("provider 'compiled': stage '{}' was not compiled", stage.name);
  return directory / stage.compiled->file;
}

std::unique_ptr<engine::Backend> open_stage(const plan::Stage& stage, const fs::path& directory, int threads,
                                            const std::string& provider, const std::string& profile) {
  const std::string file = stage_file(stage, directory, provider).string();
  auto opened =
      provider == kCompiledProvider
          ? engine::open_compiled(file, {.threads = threads, .sha256 = stage.compiled->sha256, .profile = profile})
          : engine::open_onnx(file,
                              {.threads = threads, .provider = provider, .sha256 = stage.sha256, .profile = profile});
  if (!opened) fail("{}", opened.error().message);
  return std::move(*opened);
}

}  // namespace triage::measure
