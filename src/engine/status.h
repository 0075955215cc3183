// How exceptions become results: inside, the runtime throws Failure; at its border current_error() catches everything.
#pragma once

#include <utility>

#include "core/error.h"
#include "triage/result.h"

namespace triage::engine {

struct Failure : Error {
  Failure(ErrorCode error_code, const std::string& message) : Error(message), code(error_code) {}
  ErrorCode code;
};

template <class... Args>
[[noreturn]] void fail_with(ErrorCode code, std::format_string<Args...> format, Args&&... args) {
  throw Failure(code, std::format(format, std::forward<Args>(args)...));
}

// For a catch (...) block: what was thrown, as an error. Exceptions of the engine become engine_failure, FileError
// not_found or unreadable, every other Error (damaged plans) damaged, a failed allocation out_of_memory.
ErrorInfo current_error() noexcept;

// A stage's file, of any engine: at most 2 GiB, as protobuf allows. sha256: of it, from plan.json; empty: not checked.
std::string read_stage_file(const std::string& file, const std::string& sha256);

// The value, or the error thrown as a Failure.
template <class T>
T take(Result<T> result) {
  if (!result) throw Failure(result.error().code, result.error().message);
  return std::move(*result);
}

}  // namespace triage::engine
