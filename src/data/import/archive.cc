#include "data/import/archive.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <vector>

#include "core/error.h"

namespace triage::data {
namespace {

constexpr std::size_t kBlock = 512;

class GzipStream {
 public:
  explicit GzipStream(const fs::path& path) : name_(path.string()), file_(gzopen(path.c_str(), "rb")) {
    if (file_ == nullptr) fail("{}: cannot open", name_);
    if (gzdirect(file_) != 0) {
      gzclose(file_);
      fail("{}: not a gzip file", name_);
    }
  }
  ~GzipStream() { gzclose(file_); }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  // False at the very end; an end anywhere else is an error.
  bool read(void* data, std::size_t bytes) {
    const int got = gzread(file_, data, static_cast<unsigned>(bytes));
    int status = Z_OK;
    const char* message = gzerror(file_, &status);
    if (got < 0 || (status != Z_OK && status != Z_STREAM_END)) {
      fail("{}: damaged or truncated archive at unpacked offset {}: {}", name_, offset_, message);
    }
    if (got == 0) return false;
    if (static_cast<std::size_t>(got) < bytes) {
      fail("{}: truncated archive: ends at unpacked offset {}, expected {} more bytes", name_, offset_ + got,
           bytes - got);
    }
    offset_ += bytes;
    return true;
  }
  std::uint64_t offset() const { return offset_; }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  gzFile file_;
  std::uint64_t offset_ = 0;
};

// POSIX.1-1988 header: name 0..100, size 124..136 (octal), checksum 148..156, type 156, prefix 345..500.
struct TarHeader {
  std::array<char, kBlock> bytes;

  std::string text(std::size_t at, std::size_t length) const {
    const char* begin = bytes.data() + at;
    return {begin, std::find(begin, begin + length, '\0')};
  }
  bool empty() const {
    return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
  }
  char type() const { return bytes[156]; }
  std::string path() const {
    const bool ustar = std::memcmp(bytes.data() + 257, "ustar\0", 6) == 0;  // GNU's "ustar " has other fields there
    const std::string prefix = ustar ? text(345, 155) : "";
    return prefix.empty() ? text(0, 100) : prefix + "/" + text(0, 100);
  }
  std::uint64_t number(std::size_t at, std::size_t length, const GzipStream& stream, const char* field) const {
    std::uint64_t value = 0;
    bool any = false;
    for (const char c : text(at, length)) {
      if (c == ' ') continue;
      if (c < '0' || c > '7') fail_field(stream, field);
      value = value * 8 + static_cast<std::uint64_t>(c - '0');
      any = true;
    }
    if (!any) fail_field(stream, field);
    return value;
  }

 private:
  [[noreturn]] static void fail_field(const GzipStream& stream, const char* field) {
    fail("{}: {} in the header at unpacked offset {} is not an octal number", stream.name(), field,
         stream.offset() - kBlock);
  }
};

void check(const TarHeader& header, const GzipStream& stream) {
  const auto stored = header.number(148, 8, stream, "checksum");
  std::uint64_t sum = 8 * ' ';  // the checksum field itself counts as spaces
  for (std::size_t i = 0; i < kBlock; ++i) {
    if (i < 148 || i >= 156) sum += static_cast<unsigned char>(header.bytes[i]);
  }
  if (sum != stored) {
    fail("{}: header checksum {} at unpacked offset {}, expected {}", stream.name(), sum, stream.offset() - kBlock,
         stored);
  }
}

fs::path safe_path(const fs::path& directory, const std::string& name, const GzipStream& stream) {
  const fs::path relative = fs::path(name).lexically_normal();
  if (name.empty() || relative.is_absolute() || *relative.begin() == "..") {
    fail("{}: member '{}' leads out of the archive", stream.name(), name);
  }
  return directory / relative;
}

// The member's content goes to `path`, or nowhere when it is empty.
void copy_content(GzipStream& stream, std::uint64_t size, const fs::path& path) {
  std::ofstream out;
  if (!path.empty()) {
    fs::create_directories(path.parent_path());
    out.open(path, std::ios::binary | std::ios::trunc);
    if (!out) fail("{}: cannot create", path.string());
  }
  std::vector<char> buffer(128 * kBlock);
  for (std::uint64_t left = size; left > 0;) {
    const std::size_t wanted = std::min<std::uint64_t>((left + kBlock - 1) / kBlock * kBlock, buffer.size());
    if (!stream.read(buffer.data(), wanted)) {
      fail("{}: truncated archive: ends at unpacked offset {} inside a member of {} bytes", stream.name(),
           stream.offset(), size);
    }
    const std::uint64_t content = std::min<std::uint64_t>(left, wanted);
    if (out.is_open() && !out.write(buffer.data(), static_cast<std::streamsize>(content))) {
      fail("{}: cannot write {} bytes: disk full?", path.string(), size);
    }
    left -= content;
  }
  if (!out.is_open()) return;
  out.close();
  if (!out) fail("{}: cannot write {} bytes: disk full?", path.string(), size);
}

}  // namespace

void unpack_tar_gz(const fs::path& archive, const fs::path& directory) {
  GzipStream stream(archive);
  TarHeader header{};
  while (stream.read(header.bytes.data(), kBlock)) {
    if (header.empty()) return;
    check(header, stream);
    const auto size = header.number(124, 12, stream, "size");
    switch (header.type()) {
      case '0':
      case '\0':
        copy_content(stream, size, safe_path(directory, header.path(), stream));
        break;
      case '5':
        fs::create_directories(safe_path(directory, header.path(), stream));
        break;
      case 'x':
      case 'g':
        copy_content(stream, size, {});
        break;
      default:
        fail("{}: member '{}' is of type '{}', expected plain files and directories", stream.name(), header.path(),
             header.type());
    }
  }
  fail("{}: truncated archive: no end mark at unpacked offset {}", archive.string(), stream.offset());
}

}  // namespace triage::data
