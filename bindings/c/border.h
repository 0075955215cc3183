// The border between the two languages, which every call of the C API with an error passes: nothing throws across it.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>

#include "engine/status.h"
#include "sized_struct.h"
#include "triage.h"

namespace triage::c {

// As the first version of the ABI had it: a caller's may not be smaller.
inline constexpr std::size_t kErrorSize = offsetof(triage_error, message) + sizeof(triage_error::message);

inline triage_code code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::not_found:
      return TRIAGE_NOT_FOUND;
    case ErrorCode::damaged:
      return TRIAGE_DAMAGED;
    case ErrorCode::unsupported:
      return TRIAGE_UNSUPPORTED;
    case ErrorCode::bad_input:
      return TRIAGE_BAD_INPUT;
    case ErrorCode::engine_failure:
      return TRIAGE_ENGINE_FAILURE;
    case ErrorCode::out_of_memory:
      return TRIAGE_OUT_OF_MEMORY;
    case ErrorCode::unreadable:
      return TRIAGE_UNREADABLE;
  }
  return TRIAGE_ENGINE_FAILURE;
}

// The longest beginning of `text` that fits and ends with a whole character of UTF-8.
inline std::size_t fitting(const std::string& text, std::size_t most) {
  std::size_t length = std::min(text.size(), most);
  while (length < text.size() && length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
  return length;
}

inline triage_code report(triage_error* error, triage_code code, const std::string& text) {
  if (!error) return code;
  error->code = code;
  error->message_length = static_cast<std::uint32_t>(text.size());
  const std::size_t length = fitting(text, sizeof error->message - 1);
  std::memcpy(error->message, text.data(), length);
  error->message[length] = '\0';
  return code;
}

// work() returns a Status or throws. Where `error` is no triage_error, nothing is done.
template <class Work>
triage_code guarded(triage_error* error, const Work& work) noexcept {
  if (error && (error->struct_size < kErrorSize || error->struct_size > kMostSize)) return TRIAGE_BAD_INPUT;
  ErrorInfo failure;
  try {
    const Status status = work();
    if (status) return report(error, TRIAGE_OK, {});
    failure = status.error();
  } catch (...) {
    failure = engine::current_error();
  }
  return report(error, code_of(failure.code), failure.message);
}

inline void require(const void* pointer, const char* name) {
  if (!pointer) engine::fail_with(ErrorCode::bad_input, "{}: found NULL", name);
}

inline void require_count(const char* name, std::size_t found, std::size_t expected, const char* of) {
  if (found != expected)
    engine::fail_with(ErrorCode::bad_input, "{}: found {}, expected {}{}", name, found, expected, of);
}

}  // namespace triage::c
