// Sessions of ONNX Runtime. Whoever opens stages of plans goes through the registry (engine/registry.h).
#pragma once

#include <memory>
#include <string>

#include "engine/names.h"
#include "engine/session.h"

namespace Ort {
struct Env;
}

namespace triage::engine {

struct OnnxOptions {
  int threads = 1;
  bool allow_spinning = false;
  std::string provider = kCpu;  // providers.h
  std::string sha256;           // of the stage's file, for open_onnx; empty: not checked
  std::string profile;          // PREFIX of the engine's own PREFIX_<time>.json, written when the session goes. Slower
};

// Loads a stage file. Outputs the runtime does not need (the portable "score") and the nodes behind them are cut off
// before the session is made. Names: inputs "image" or "carry_in"; outputs "logits", "features", "carry".
Result<std::unique_ptr<Session>> open_onnx(const std::string& file, const OnnxOptions& options);
std::string onnx_runtime_version();

// The process's one ONNX Runtime environment, made at the first call. Whoever opens a session of its own takes this
// one. Thread-safe; while it is made, another thread that uses libonnx may miss operators.
Ort::Env& ort_environment();

// Set to "1" in every session: without VNNI ONNX Runtime's 8-bit kernels add two products in 16 bits, which overflow,
// unless told to take the exact ones. Changes nothing where the CPU has VNNI.
inline constexpr const char* kExactProducts = "session.x64quantprecision";

// What open_onnx() does with a file's bytes. Throws Failure. `origin` is what messages call the model, whose bytes are
// gone before the session is made: loading is when a process needs most memory.
std::unique_ptr<Session> make_onnx_session(std::string model, const std::string& origin, const OnnxOptions& options);

}  // namespace triage::engine
