// A directory of this process's own in the system's place for such, removed with all in it at the end.
#pragma once

#include <string>

#include "core/file.h"

namespace triage::profile {

class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::string& purpose);  // a part of its name; throws Error
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace triage::profile
