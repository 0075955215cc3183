// EngineSpec: which engine runs something, and how. One word for what command lines, cost files, plans and the registry
// name.
#pragma once

#include <string>
#include <string_view>

#include "engine/names.h"

namespace triage::engine {

// Text: ENGINE[:PROVIDER][;precision=P][;threads=N][;device=D], where what is as in a default EngineSpec of that engine
// is left out: "onnxruntime", "onnxruntime:xnnpack;threads=4", "compiled", "check:compiled,onnxruntime".
struct EngineSpec {
  std::string engine = kOnnxRuntime;
  std::string provider = kCpu;  // of the engine; of a checking engine the two that it runs: "compiled,onnxruntime"
  std::string precision;        // "fp32", "int8"; empty: as the stage's file is
  int threads = 1;              // of a run, at most
  std::string device = kCpu;    // where it runs

  bool operator==(const EngineSpec&) const = default;
  std::string text() const;
  // Throws Error naming `where`, what was found and what was expected. Any engine's name is taken: the registry
  // (registry.h) knows which there are.
  static EngineSpec parse(std::string_view text, const std::string& where);
};

// The engine with its first provider.
EngineSpec spec_of_engine(std::string_view engine);

// By a provider alone, as `--provider` and cost files name them: "cpu", "xnnpack", "dnnl", "compiled",
// "compiled-untuned". Throws Error for any other, naming `where`.
EngineSpec spec_of_provider(std::string_view provider, const std::string& where = "provider");

}  // namespace triage::engine
