// A file that says who works: held by flock, so that it is given back with the process, however that ends.
#pragma once

#include <utility>

#include "core/files/file.h"

namespace triage {

// Tries once; none: the file system has no locks.
enum class LockState { taken, busy, none };
LockState try_lock(int fd);

class FileLock {
 public:
  // Opens or makes the file, and locks nothing yet. Throws Error.
  explicit FileLock(const fs::path& file, unsigned permissions = 0644);
  ~FileLock();  // the file stays
  FileLock(FileLock&& other) noexcept : file_(std::move(other.file_)), fd_(std::exchange(other.fd_, -1)) {}

  // False: another process or another FileLock has it. Throws Error where it cannot be locked at all.
  bool try_lock();

 private:
  fs::path file_;
  int fd_;
};

}  // namespace triage
