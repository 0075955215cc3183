#include "core/files/part_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/error.h"
#include "core/files/file_lock.h"
#include "core/files/write_all.h"

namespace triage {
namespace {

std::string last_error() { return std::generic_category().message(errno); }

}  // namespace

PartFile::PartFile(fs::path path) : path_(std::move(path)), part_(path_.string() + ".part") {
  while (fd_ < 0) {
    fd_ = ::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd_ < 0) fail("{}: cannot open to write: {}", part_.string(), last_error());
    struct stat open{}, named{};
    if (try_lock(fd_) == LockState::busy) {
      ::close(fd_);
      fail("{}: another process is writing it", part_.string());
    }
    // One that had it until now may have committed or removed it.
    if (::fstat(fd_, &open) == 0 && ::lstat(part_.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
        open.st_dev == named.st_dev) {
      size_ = static_cast<std::uint64_t>(open.st_size);
    } else {
      ::close(fd_);
      fd_ = -1;
    }
  }
}

PartFile::~PartFile() {
  if (!stays_) ::unlink(part_.c_str());
  ::close(fd_);
}

void PartFile::truncate(std::uint64_t bytes) {
  if (::ftruncate(fd_, static_cast<off_t>(bytes)) != 0) {
    fail("{}: cannot be cut to {} bytes: {}", part_.string(), bytes, last_error());
  }
  size_ = bytes;
}

void PartFile::write(const void* data, std::size_t bytes) {
  write_at(size_, data, bytes);
  size_ += bytes;
}

void PartFile::write_at(std::uint64_t offset, const void* data, std::size_t bytes) {
  write_all(fd_, data, bytes, static_cast<std::int64_t>(offset), path_);
}

void PartFile::read_at(std::uint64_t offset, void* data, std::size_t bytes) const {
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t got = ::pread(fd_, static_cast<char*>(data) + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      fail("{}: cannot read {} bytes at offset {}: {}", part_.string(), bytes, offset,
           got == 0 ? "the file ends" : last_error());
    }
    done += static_cast<std::size_t>(got);
  }
}

void PartFile::sync() {
  if (::fdatasync(fd_) != 0) fail("{}: cannot flush to disk: {}", part_.string(), last_error());
}

void PartFile::keep() { stays_ = true; }

void PartFile::commit() {
  flush_to_disk(part_);
  if (::rename(part_.c_str(), path_.c_str()) != 0) {
    fail("{}: cannot be replaced: {}", path_.string(), last_error());
  }
  stays_ = true;
  flush_to_disk(path_.has_parent_path() ? path_.parent_path() : fs::path("."));
}

}  // namespace triage
