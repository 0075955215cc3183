// Helpers of the unit tests.
#pragma once

#include <unistd.h>

#include <atomic>
#include <format>
#include <string>

#include "core/error.h"
#include "core/file.h"

namespace triage {

// A directory of its own for one test, removed with everything in it.
class TempDir {
 public:
  TempDir() {
    static std::atomic<int> counter{0};
    path_ = fs::temp_directory_path() / std::format("triage-test-{}-{}", ::getpid(), counter.fetch_add(1));
    fs::create_directories(path_);
  }
  ~TempDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const fs::path& path() const { return path_; }
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

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
