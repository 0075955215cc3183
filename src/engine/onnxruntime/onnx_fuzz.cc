// Model bytes -> the function that cuts them down; what it lets through must be a model again.
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <cstdlib>

#include "engine/onnxruntime/onnx_trim.h"
#include "engine/status.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr std::string_view kWanted[] = {"logits", "features", "carry"};
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const std::string trimmed = triage::engine::trim_model(bytes, kWanted, "fuzz.onnx");
    onnx::ModelProto model;
    if (!model.ParseFromString(trimmed)) std::abort();
  } catch (const triage::engine::Failure&) {
  }
  return 0;
}
