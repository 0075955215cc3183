// The names of engines and of their providers, as they stand on command lines, in configurations and in files. Nobody
// else spells them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace triage::engine {

inline constexpr const char* kAuto = "auto";  // of each stage: compiled kernels where it has them, else ONNX Runtime

inline constexpr const char* kOnnxRuntime = "onnxruntime";
inline constexpr const char* kCompiled = "compiled";
inline constexpr const char* kCheck = "check";

// Providers. An engine's first one is what it takes when none is named.
inline constexpr const char* kCpu = "cpu";  // of ONNX Runtime
inline constexpr const char* kXnnpack = "xnnpack";
inline constexpr const char* kDnnl = "dnnl";
inline constexpr const char* kTuned = kCompiled;             // of compiled kernels: schedules that were measured,
inline constexpr const char* kUntuned = "compiled-untuned";  // or guessed

struct ProviderName {
  std::string_view engine, provider;
};
inline constexpr ProviderName kProviderNames[] = {
    {kOnnxRuntime, kCpu}, {kOnnxRuntime, kXnnpack}, {kOnnxRuntime, kDnnl}, {kCompiled, kTuned}, {kCompiled, kUntuned},
};

// What choices offer, in the order in which help texts and messages name it.
inline const std::vector<std::string> kPlanEngines{kOnnxRuntime, kCompiled};              // run whole plans
inline const std::vector<std::string> kEngineChoices{kAuto, kOnnxRuntime, kCompiled};     // of a command line
inline const std::vector<std::string> kStageProviders{kCpu, kXnnpack, kDnnl, kTuned};     // time a plan's stages,
inline const std::vector<std::string> kLayerProviders{kCpu, kXnnpack, kUntuned, kTuned};  // and single layers

}  // namespace triage::engine
