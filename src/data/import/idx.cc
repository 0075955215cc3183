#include "data/import/idx.h"

#include <zlib.h>

#include <algorithm>

#include "core/error.h"

namespace triage::data {
namespace {

constexpr std::size_t kMaxIdxBytes = std::size_t{2} << 30;
constexpr std::uint8_t kUnsignedBytes = 0x08;

Idx parse_raw(std::span<const std::uint8_t> bytes, int dimensions, const std::string& origin) {
  const std::size_t header = 4 + 4 * static_cast<std::size_t>(dimensions);
  if (bytes.size() < 4) fail("{}: truncated: {} bytes, expected an IDX header of {}", origin, bytes.size(), header);
  if (bytes[0] != 0 || bytes[1] != 0 || bytes[2] != kUnsignedBytes) {
    fail("{}: IDX magic {:02x} {:02x} {:02x} at offset 0, expected 00 00 08 (unsigned bytes)", origin, bytes[0],
         bytes[1], bytes[2]);
  }
  if (bytes[3] != dimensions) {
    fail("{}: {} dimensions at offset 3, expected {} ({})", origin, bytes[3], dimensions,
         dimensions == 1 ? "labels" : "images, rows, columns");
  }
  if (bytes.size() < header) {
    fail("{}: truncated: {} bytes, expected an IDX header of {}", origin, bytes.size(), header);
  }
  Idx idx;
  std::uint64_t count = 1;
  for (std::size_t at = 4; at < header; at += 4) {
    const std::uint32_t size = std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 |
                               std::uint32_t{bytes[at + 2]} << 8 | std::uint32_t{bytes[at + 3]};
    if (size == 0) fail("{}: size 0 at offset {}, expected at least 1", origin, at);
    idx.sizes.push_back(size);
    count *= size;
    if (count > kMaxIdxBytes) fail("{}: over {} values by the sizes at offset 4", origin, kMaxIdxBytes);
  }
  if (bytes.size() != header + count) {
    fail("{}: {}: {} bytes, expected {} by the sizes at offset 4", origin,
         bytes.size() < header + count ? "truncated" : "oversized", bytes.size(), header + count);
  }
  idx.values.assign(bytes.begin() + static_cast<std::ptrdiff_t>(header), bytes.end());
  return idx;
}

struct Inflater {
  z_stream stream{};
  Inflater() {
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) fail("zlib: out of memory");
  }
  ~Inflater() { inflateEnd(&stream); }
};

}  // namespace

bool is_gzip(std::span<const std::uint8_t> bytes) { return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b; }

std::vector<std::uint8_t> gunzip(std::span<const std::uint8_t> bytes, std::size_t limit, const std::string& origin) {
  Inflater inflater;
  z_stream& stream = inflater.stream;
  std::vector<std::uint8_t> out, chunk(256 << 10);
  std::size_t given = 0;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    if (stream.avail_in == 0) {
      const std::size_t count = std::min<std::size_t>(bytes.size() - given, 1u << 30);
      stream.next_in = const_cast<Bytef*>(bytes.data() + given);
      stream.avail_in = static_cast<uInt>(count);
      given += count;
    }
    stream.next_out = chunk.data();
    stream.avail_out = static_cast<uInt>(chunk.size());
    status = inflate(&stream, Z_NO_FLUSH);
    const std::size_t at = given - stream.avail_in;
    if (status == Z_BUF_ERROR) {
      fail("{}: truncated gzip: {} bytes in, {} out, and no end", origin, at, out.size());
    }
    if (status != Z_OK && status != Z_STREAM_END) {
      fail("{}: damaged gzip at offset {}: {}", origin, at, stream.msg ? stream.msg : "cannot inflate");
    }
    out.insert(out.end(), chunk.data(), stream.next_out);
    if (out.size() > limit) fail("{}: unpacks to over {} bytes", origin, limit);
    if (status == Z_STREAM_END && is_gzip(bytes.subspan(at))) {  // another member follows
      if (inflateReset(&stream) != Z_OK) fail("{}: zlib cannot begin anew at offset {}", origin, at);
      status = Z_OK;
    }
  }
  const auto rest = bytes.subspan(given - stream.avail_in);
  if (std::ranges::any_of(rest, [](std::uint8_t byte) { return byte != 0; })) {
    fail("{}: {} bytes behind the end of the gzip data", origin, rest.size());
  }
  return out;
}

Idx parse_idx(std::span<const std::uint8_t> bytes, int dimensions, const std::string& origin) {
  if (!is_gzip(bytes)) return parse_raw(bytes, dimensions, origin);
  return parse_raw(gunzip(bytes, kMaxIdxBytes + 16, origin), dimensions, origin);
}

}  // namespace triage::data
