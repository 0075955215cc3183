// What open_onnx() is made of, for callers that have the bytes already (the plan loader hashes them first).
#pragma once

#include <string_view>

#include "engine/backend.h"

namespace Ort {
struct Env;
}

namespace triage::engine {

// The process's one ONNX Runtime environment, made at the first call. Whoever opens a session of its own takes this
// one. Thread-safe.
Ort::Env& ort_environment();

// For programs that check models with libonnx (onnx::checker) and whose process is their own; to be called before the
// first session. ONNX Runtime registers every operator's schema with the libonnx that it shares with us, and libonnx
// does so for itself when somebody asks it for one: whoever comes second prints a "Schema error" line for each, which
// is all that happens. After this call libonnx's are taken away as the environment is made, and what a program sees is
// ONNX Runtime's. In a process that others use libonnx in, pointers to schemas and schemas of their own would be lost.
void own_operator_schemas();

// Set to "1" in every session: without VNNI ONNX Runtime's 8-bit kernels add two products in 16 bits, which overflow,
// unless told to take the exact ones. Changes nothing where the CPU has VNNI.
inline constexpr const char* kExactProducts = "session.x64quantprecision";

// Throws Failure. `origin` is what messages call the model, whose bytes are gone before the session is made: loading is
// when a process needs most memory.
std::unique_ptr<Backend> make_onnx_backend(std::string model, const std::string& origin, const OnnxOptions& options);

}  // namespace triage::engine
