#include "measure/frame.h"

#include <charconv>
#include <sstream>

#include "core/error.h"
#include "core/files/file.h"

namespace triage::measure {
namespace {

constexpr std::string_view kFrameMark = "triage-frame ";
constexpr std::size_t kMaxPayload = 64 << 20;
constexpr std::size_t kMaxHeader = 200;

struct FrameHeader {
  std::string kind, sha256;
  std::size_t bytes = 0;
};

std::optional<FrameHeader> parse_frame_header(std::string_view line) {
  if (!line.starts_with(kFrameMark)) return std::nullopt;
  std::istringstream words{std::string(line.substr(kFrameMark.size()))};
  FrameHeader header;
  std::string count, rest;
  if (!(words >> header.kind >> count >> header.sha256) || words >> rest || header.sha256.size() != 64)
    return std::nullopt;
  const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), header.bytes);
  if (error != std::errc() || end != count.data() + count.size()) return std::nullopt;
  return header;
}

}  // namespace

std::string to_text(const Frame& frame) {
  return std::format("{}{} {} {}\n{}\n", kFrameMark, frame.kind, frame.payload.size(), sha256_hex(frame.payload),
                     frame.payload);
}

std::optional<Frame> FrameReader::next(const std::string& origin) {
  for (;;) {
    const std::size_t end = text_.find('\n');
    inside_ = text_.starts_with(kFrameMark);
    if (end == std::string::npos) {
      if (!inside_ && text_.size() > kMaxHeader) text_.erase(0, text_.size() - kMaxHeader);  // no line of ours
      return std::nullopt;
    }
    const std::optional<FrameHeader> header = parse_frame_header(std::string_view(text_).substr(0, end));
    if (!header) {
      text_.erase(0, end + 1);
      continue;
    }
    if (header->bytes > kMaxPayload) {
      fail("{}: a message of {} bytes, expected at most {}", origin, header->bytes, kMaxPayload);
    }
    if (text_.size() < end + 1 + header->bytes + 1) return std::nullopt;
    Frame frame{header->kind, text_.substr(end + 1, header->bytes)};
    text_.erase(0, end + 1 + header->bytes + 1);
    inside_ = false;
    if (const std::string found = sha256_hex(frame.payload); found != header->sha256) {
      fail("{}: a message's checksum: found {}, expected {}", origin, found, header->sha256);
    }
    return frame;
  }
}

}  // namespace triage::measure
