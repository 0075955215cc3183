#include "core/files/file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/files/temporary.h"
#include "core/files/write_all.h"

namespace triage {
namespace {

std::string error_text(int error) { return std::generic_category().message(error); }

struct Descriptor {
  int fd = -1;
  explicit Descriptor(int value) : fd(value) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

// Of a message: an empty path has a name, too.
std::string named(const fs::path& path) { return path.empty() ? "''" : path.string(); }

[[noreturn]] void fail_reading(const fs::path& path, const char* what, int error) {
  throw FileError(std::format("{}: cannot {}: {}", named(path), what, error_text(error)),
                  {error, std::generic_category()});
}

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISCHR(mode)) return "a device";
  return S_ISBLK(mode) ? "a block device" : "a socket";
}

// Opens an existing regular file and tells its size (0 where the kernel does not know it: /proc). O_NONBLOCK: opening a
// pipe that nobody writes to would wait for ever.
int open_for_reading(const fs::path& path, std::size_t& size, bool pipe = false) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) fail_reading(path, "open", errno);
  struct stat status{};
  const int error = ::fstat(fd, &status) == 0 ? 0 : errno;
  if (error == 0 && (S_ISREG(status.st_mode) || (pipe && S_ISFIFO(status.st_mode)))) {
    size = S_ISREG(status.st_mode) ? static_cast<std::size_t>(status.st_size) : 0;
    return fd;
  }
  ::close(fd);
  if (error != 0) fail_reading(path, "read", error);
  fail("{}: cannot read: expected a file, found {}", path.string(), kind_of(status.st_mode));
}

// Reads up to `bytes` at the file's position; 0 at the end.
std::size_t read_some(int fd, void* data, std::size_t bytes, const fs::path& path) {
  while (true) {
    const ssize_t got = ::read(fd, data, bytes);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN) {  // a pipe whose writer has not written yet
      pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
      ::poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      fail_reading(path, "read", errno);
    }
  }
}

fs::path parent_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

}  // namespace

void write_all(int fd, const void* data, std::size_t bytes, std::int64_t offset, const fs::path& path) {
  const char* next = static_cast<const char*>(data);
  std::size_t left = bytes;
  while (left > 0) {
    const ssize_t put = offset < 0 ? ::write(fd, next, left) : ::pwrite(fd, next, left, offset);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      fail("{}: cannot write: expected {} bytes to be stored, found room for {}: {}", path.string(), bytes,
           bytes - left, put == 0 ? "nothing was written" : error_text(errno));
    }
    next += put;
    left -= static_cast<std::size_t>(put);
    if (offset >= 0) offset += put;
  }
}

void flush_to_disk(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) fail("{}: cannot open to flush: {}", path.string(), error_text(errno));
  // Some file systems cannot flush a directory and say EINVAL; there is nothing more to be done there.
  if (::fsync(file.fd) != 0 && !(errno == EINVAL && fs::is_directory(path))) {
    fail("{}: cannot flush to disk: {}", path.string(), error_text(errno));
  }
}

std::string read_file(const fs::path& path, const ReadLimit& limit) {
  std::size_t size = 0;
  const Descriptor file(open_for_reading(path, size, limit.pipe));
  const auto check = [&](std::uint64_t bytes, const char* more) {
    if (bytes <= limit.bytes) return;
    fail("{}: cannot read: expected at most {} bytes, found {}{}", path.string(), limit.bytes, bytes, more);
  };
  check(size, "");
  std::string content(size, '\0');
  std::size_t used = 0;
  while (true) {  // the size may be unknown (/proc) or change meanwhile: read to the end
    if (used == content.size()) {
      char extra[4096];
      const std::size_t got = read_some(file.fd, extra, sizeof extra, path);
      if (got == 0) return content;
      content.append(extra, got);
      used += got;
      check(used, " and more");
    } else {
      const std::size_t got = read_some(file.fd, content.data() + used, content.size() - used, path);
      used += got;
      if (got == 0) content.resize(used);
      if (got == 0) return content;
    }
  }
}

void write_file_atomic(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content.data(), content.size());
  file.commit();
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  if (!path_.has_filename()) fail("{}: cannot write: expected a file name", named(path_));
  made_ = std::make_unique<TemporaryPath>(path_.parent_path(), path_.filename(), TemporaryPath::Kind::file);
}

AtomicFile::~AtomicFile() = default;

const fs::path& AtomicFile::temporary() const { return made_->path(); }

void AtomicFile::write(const void* data, std::size_t bytes) { write_all(made_->fd(), data, bytes, -1, path_); }

void AtomicFile::write_at(std::uint64_t offset, const void* data, std::size_t bytes) {
  const off_t end = ::lseek(made_->fd(), 0, SEEK_CUR);
  if (offset > static_cast<std::uint64_t>(end) || bytes > static_cast<std::uint64_t>(end) - offset) {
    fail("{}: cannot overwrite {} bytes at offset {}: only {} bytes were written", path_.string(), bytes, offset,
         static_cast<std::int64_t>(end));
  }
  write_all(made_->fd(), data, bytes, static_cast<std::int64_t>(offset), path_);
}

void AtomicFile::commit() {
  flush_to_disk(temporary());  // by name: a writer that wants a path may have put another file there
  if (::rename(temporary().c_str(), path_.c_str()) != 0) {
    fail("{}: cannot be replaced: {}", path_.string(), error_text(errno));
  }
  made_->keep();
  flush_to_disk(parent_of(path_));
}

void append_line(const fs::path& path, std::string_view line) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (file.fd < 0) fail("{}: cannot open to append: {}", path.string(), error_text(errno));
  const off_t before = ::lseek(file.fd, 0, SEEK_END);
  try {
    write_all(file.fd, (std::string(line) + '\n').data(), line.size() + 1, -1, path);
  } catch (const Error& error) {  // no torn line stays
    if (before < 0 || ::ftruncate(file.fd, before) != 0) fail("{}; a part of the line may stay", error.what());
    throw;
  }
}

MappedFile::MappedFile(const fs::path& path) {
  const Descriptor file(open_for_reading(path, size_));
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (address == MAP_FAILED) fail("{}: cannot map {} bytes: {}", path.string(), size_, error_text(errno));
  data_ = static_cast<const std::uint8_t*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::uint8_t*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (state_->context == nullptr || EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1) {
    fail("SHA-256 is not available in this OpenSSL");
  }
}

Sha256::~Sha256() = default;

void Sha256::update(const void* data, std::size_t bytes) {
  if (EVP_DigestUpdate(state_->context, data, bytes) != 1) fail("SHA-256: update failed");
}

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_DigestFinal_ex(state_->context, digest, &length) != 1) fail("SHA-256: it was ended already");
  std::string text;
  for (unsigned int i = 0; i < length; ++i) text += std::format("{:02x}", digest[i]);
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes.data(), bytes.size());
  return hash.hex();
}

std::string sha256_file(const fs::path& path) {
  std::size_t size = 0;
  const Descriptor file(open_for_reading(path, size));
  Sha256 hash;
  std::string buffer(std::size_t{1} << 18, '\0');
  while (const std::size_t got = read_some(file.fd, buffer.data(), buffer.size(), path))
    hash.update(buffer.data(), got);
  return hash.hex();
}

}  // namespace triage
