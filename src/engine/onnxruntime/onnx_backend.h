// What open_onnx() is made of, for callers that have the bytes already (the plan loader hashes them first).
#pragma once

#include <string_view>

#include "engine/backend.h"

namespace Ort {
struct Env;
}

namespace triage::engine {

// The process's one ONNX Runtime environment, made at the first call. Whoever opens a session of its own takes this
// one: making it takes libonnx's operator schemas away first and ONNX Runtime registers them again, so onnx::checker
// works before and after. Thread-safe.
Ort::Env& ort_environment();

// Set to "1" in every session: without VNNI ONNX Runtime's 8-bit kernels add two products in 16 bits, which overflow,
// unless told to take the exact ones. Changes nothing where the CPU has VNNI.
inline constexpr const char* kExactProducts = "session.x64quantprecision";

// Throws Failure. `origin` is what messages call the model, whose bytes are gone before the session is made: loading is
// when a process needs most memory.
std::unique_ptr<Backend> make_onnx_backend(std::string model, const std::string& origin, const OnnxOptions& options);

}  // namespace triage::engine
