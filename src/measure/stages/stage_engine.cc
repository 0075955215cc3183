#include "measure/stages/stage_engine.h"

#include "engine/registry.h"
#include "runtime/open_stage.h"

namespace triage::measure {

std::string engine_version_of(const std::string& provider) {
  return engine::version_of(engine::spec_of_provider(provider));
}

cost::CostKey row_key(const std::string& provider, const plan::Stage* stage, int threads, int batch) {
  return cost::cost_key(stage ? stage->name : kWholePlan, engine::spec_of_provider(provider).engine, provider,
                        stage ? stage->precision : plan::Precision::fp32, threads, batch);
}

bool runs_plans(const std::string& provider) {
  const engine::EngineSpec spec = engine::spec_of_provider(provider);
  return spec == engine::spec_of_engine(spec.engine);
}

fs::path stage_file(const plan::Stage& stage, const fs::path& directory, const std::string& provider) {
  return runtime::StageOpener(directory, engine::spec_of_provider(provider)).file(stage);
}

std::unique_ptr<engine::Session> open_stage(const plan::Stage& stage, const fs::path& directory, int threads,
                                            const std::string& provider, const std::string& profile) {
  engine::EngineSpec spec = engine::spec_of_provider(provider);
  spec.threads = threads;
  return runtime::StageOpener(directory, spec, {.profile = profile}).open(stage);
}

}  // namespace triage::measure
