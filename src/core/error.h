// The one exception type of the tools. Messages name the file, the field, what was found and what was expected.
#pragma once

#include <format>
#include <stdexcept>
#include <string>
#include <system_error>

namespace triage {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A file that could not be read at all, as against one whose content is wrong: error is the system's.
struct FileError : Error {
  FileError(const std::string& message, std::error_code code) : Error(message), error(code) {}
  bool missing() const { return error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory; }
  std::error_code error;
};

// A mistake in how the program was called (exit code 2 instead of 1).
struct UsageError : Error {
  using Error::Error;
};

// The user asked to stop (Ctrl-C, SIGTERM): state is saved, the message says how to go on.
struct Interrupted : Error {
  using Error::Error;
};

template <class... Args>
[[noreturn]] void fail(std::format_string<Args...> format, Args&&... args) {
  throw Error(std::format(format, std::forward<Args>(args)...));
}

}  // namespace triage
