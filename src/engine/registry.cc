#include "engine/registry.h"

#include <array>

#include "core/text.h"
#include "engine/check/check_engine.h"
#include "engine/compiled/compiled_engine.h"
#include "engine/onnxruntime/onnx_engine.h"
#include "engine/status.h"

namespace triage::engine {

std::span<const Engine* const> engines() {
  static const std::array<const Engine*, 2> list{&compiled_engine(), &onnx_engine()};
  return list;
}

const Engine& find_engine(std::string_view name) {
  if (name == kCheck) return check_engine();
  for (const Engine* const engine : engines()) {
    if (engine->name() == name) return *engine;
  }
  fail_with(ErrorCode::bad_input, "engine: found '{}', expected {} or {}:ENGINE,ENGINE", name, joined(kEngineChoices),
            kCheck);
}

EngineSpec parse_engine(std::string_view text) {
  try {
    EngineSpec spec = EngineSpec::parse(text, "engine");
    find_engine(spec.engine);
    return spec;
  } catch (const Failure&) {
    throw;
  } catch (const Error& error) {
    fail_with(ErrorCode::bad_input, "{}", error.what());
  }
}

const Engine& engine_for(const EngineSpec& spec) {
  const Engine& engine = find_engine(spec.engine);
  if (const WhyNot reason = engine.available(spec)) {
    fail_with(ErrorCode::unsupported, "engine '{}': {}", spec.text(), *reason);
  }
  return engine;
}

std::vector<std::string> stage_providers() {
  std::vector<std::string> here;
  for (const std::string& provider : kStageProviders) {
    const EngineSpec spec = spec_of_provider(provider);
    if (!find_engine(spec.engine).available(spec)) here.push_back(provider);
  }
  return here;
}

std::string version_of(const EngineSpec& spec) { return find_engine(spec.engine).version(); }

std::string name_and_version(const EngineSpec& spec) { return std::format("{} {}", spec.engine, version_of(spec)); }

}  // namespace triage::engine
