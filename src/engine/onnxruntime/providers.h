// The providers of ONNX Runtime that Triage uses, a row each: a new one (CUDA, TensorRT, OpenVINO) is a row more, with
// a function that appends it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace Ort {
struct SessionOptions;
}

namespace triage::engine {

struct OnnxOptions;

struct OnnxProvider {
  std::string_view name;                                                     // EngineSpec::provider
  std::string_view full_name;                                                // as ONNX Runtime names it
  void (*append)(Ort::SessionOptions& session, const OnnxOptions& options);  // after the session's own options
  bool one_by_one = false;  // takes a free batch dimension for 1: gets one image at a time
};

std::vector<std::string> onnx_providers();  // their names, those that this build of ONNX Runtime has

// None: this build has it. Else what was found and expected, and what this ONNX Runtime has.
std::optional<std::string> why_not_provider(std::string_view name);

const OnnxProvider& find_provider(std::string_view name);  // one for which why_not_provider() is none

}  // namespace triage::engine
