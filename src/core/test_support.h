// Helpers of the unit tests.
#pragma once

#include "core/error.h"
#include "core/temporary.h"

namespace triage {

// A directory of its own for one test, removed with everything in it.
class TempDir {
 public:
  const fs::path& path() const { return held_.path(); }
  fs::path operator/(const char* name) const { return path() / name; }

 private:
  TemporaryDirectory held_{"test"};
};

inline std::size_t entries(const fs::path& directory) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

// The message of the Error that `action` throws, "no error" without one.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace triage
