#include "core/files/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace triage {

LockState try_lock(int fd) {
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return LockState::busy;
    if (errno != EINTR) return LockState::none;
  }
  return LockState::taken;
}

FileLock::FileLock(const fs::path& file, unsigned permissions)
    : file_(file), fd_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, permissions)) {
  if (fd_ < 0) fail("{}: cannot open: {}", file.string(), std::strerror(errno));
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

bool FileLock::try_lock() {
  const LockState state = triage::try_lock(fd_);
  if (state == LockState::none) fail("{}: cannot be locked: {}", file_.string(), std::strerror(errno));
  return state == LockState::taken;
}

}  // namespace triage
