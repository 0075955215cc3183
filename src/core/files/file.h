// Files: whole reads, atomic writes (temporary file, fsync, rename), read-only maps, SHA-256. All throw Error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace triage {

namespace fs = std::filesystem;
class TemporaryPath;

struct ReadLimit {
  std::uint64_t bytes = std::uint64_t{16} << 30;  // a larger file is refused before it is read
  bool pipe = false;                              // a pipe will do as well: /dev/stdin, <(command) of a shell
};

// Regular files alone, unless `limit` says more: a device or a pipe may have no end, or no writer. Throws FileError
// where the file is not there or cannot be read.
std::string read_file(const fs::path& path, const ReadLimit& limit = {});

// fsync of a file or a directory.
void flush_to_disk(const fs::path& path);

// Readers see the old content or the new one, never a part; a failed write leaves nothing behind.
void write_file_atomic(const fs::path& path, std::string_view content);

// The same for content that is produced piece by piece. Without commit() the destructor removes what was written.
class AtomicFile {
 public:
  explicit AtomicFile(fs::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, std::size_t bytes);
  void write_at(std::uint64_t offset, const void* data, std::size_t bytes);  // overwrites bytes already written
  void commit();
  const fs::path& temporary() const;  // for writers that want a path; they write, we commit

 private:
  fs::path path_;
  std::unique_ptr<TemporaryPath> made_;
};

// Appends one line and flushes; the file is created when missing. For logs such as metrics.jsonl.
void append_line(const fs::path& path, std::string_view line);

// A whole file mapped read-only; the bytes live as long as the object. Thread-safe after construction.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::uint8_t> bytes() const { return {data_, size_}; }

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

// Incremental SHA-256; hex() ends it.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(const void* data, std::size_t bytes);
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};
std::string sha256_hex(std::string_view bytes);
std::string sha256_file(const fs::path& path);

}  // namespace triage
