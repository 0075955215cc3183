#include "train/files/archive_check.h"

#include <zlib.h>

#include <cstdint>
#include <set>

#include "core/error.h"

namespace triage::train {
namespace {

// Of the zip format: little-endian records that begin with a signature.
constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr std::size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22;

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {}

  std::uint32_t u16(std::size_t at) const { return number(at, 2); }
  std::uint32_t u32(std::size_t at) const { return number(at, 4); }
  std::string_view part(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) {
      fail("{}: damaged: expected {} bytes at offset {}, found an archive of {}", origin_, size, at, bytes_.size());
    }
    return bytes_.substr(at, size);
  }
  void expect_signature(std::size_t at, std::uint32_t signature, const char* what) const {
    if (u32(at) != signature) fail("{}: damaged: expected {} at offset {}, found something else", origin_, what, at);
  }

 private:
  std::uint32_t number(std::size_t at, std::size_t size) const {
    std::uint32_t value = 0;
    const std::string_view found = part(at, size);
    for (std::size_t i = 0; i < size; ++i) value |= std::uint32_t{static_cast<unsigned char>(found[i])} << (8 * i);
    return value;
  }

  std::string_view bytes_;
  const std::string& origin_;
};

// What the directory says of one record, and where its entry ends.
struct Record {
  std::string name;
  std::uint32_t method, crc, stored, size, local;
  std::size_t end;
};

Record read_record(const Reader& read, std::size_t at) {
  read.expect_signature(at, kCentral, "an entry of its directory");
  const std::uint32_t name = read.u16(at + 28), extra = read.u16(at + 30), comment = read.u16(at + 32);
  return {.name = std::string(read.part(at + kCentralBytes, name)),
          .method = read.u16(at + 10),
          .crc = read.u32(at + 16),
          .stored = read.u32(at + 20),
          .size = read.u32(at + 24),
          .local = read.u32(at + 42),
          .end = at + kCentralBytes + name + extra + comment};
}

void check_record(const Reader& read, const Record& record, const std::string& origin) {
  if (record.method != 0 || record.stored != record.size) {
    fail("{}: record '{}': expected it uncompressed, found method {}", origin, record.name, record.method);
  }
  read.expect_signature(record.local, kLocal, ("record '" + record.name + "'").c_str());
  const std::size_t data = record.local + kLocalBytes + read.u16(record.local + 26) + read.u16(record.local + 28);
  const std::string_view bytes = read.part(data, record.size);
  const auto found = static_cast<std::uint32_t>(
      crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
  if (found != record.crc) {
    fail("{}: damaged: record '{}': expected CRC-32 {:08x}, found {:08x}", origin, record.name, record.crc, found);
  }
}

}  // namespace

void check_archive(std::string_view bytes, const std::string& origin) {
  const Reader read(bytes, origin);
  if (bytes.size() < kEndBytes || read.u32(bytes.size() - kEndBytes) != kEnd) {
    fail("{}: expected a pickled dict (a zip archive), found {} bytes of something else, or a part of one", origin,
         bytes.size());
  }
  const std::size_t end = bytes.size() - kEndBytes;
  const std::uint32_t count = read.u16(end + 10);
  std::size_t at = read.u32(end + 16);
  std::set<std::string> names;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Record record = read_record(read, at);
    if (!names.insert(record.name).second) fail("{}: damaged: two records are called '{}'", origin, record.name);
    check_record(read, record, origin);
    at = record.end;
  }
}

}  // namespace triage::train
