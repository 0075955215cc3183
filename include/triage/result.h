// Result<T>: a value or an error. Nothing in the public API throws.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace triage {

enum class ErrorCode { not_found, damaged, unsupported, bad_input, engine_failure, out_of_memory, unreadable };

struct ErrorInfo {
  ErrorCode code = ErrorCode::engine_failure;
  std::string message;  // names file, field, found and expected
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(ErrorInfo error) : state_(std::move(error)) {}
  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() { return std::get<0>(state_); }
  const T& operator*() const { return std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const ErrorInfo& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, ErrorInfo> state_;
};

struct Ok {};
using Status = Result<Ok>;

}  // namespace triage
