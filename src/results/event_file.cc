#include "results/event_file.h"

#include <array>
#include <bit>

namespace triage::results {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected
constexpr std::uint32_t kMask = 0xa282ead8;        // of TFRecord, added to the rotated checksum

constexpr std::array<std::uint32_t, 256> kTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
    table[i] = value;
  }
  return table;
}();

template <class Unsigned>
std::string fixed(Unsigned value) {  // little-endian
  std::string bytes;
  for (std::size_t i = 0; i < sizeof value; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7f) | 0x80);
  return bytes + static_cast<char>(value);
}

// Fields of a protobuf message: number and wire type, then the value.
std::string tag(unsigned field, unsigned wire) { return varint(field << 3 | wire); }
std::string field_double(unsigned field, double value) {
  return tag(field, 1) + fixed(std::bit_cast<std::uint64_t>(value));
}
std::string field_float(unsigned field, float value) {
  return tag(field, 5) + fixed(std::bit_cast<std::uint32_t>(value));
}
std::string field_int(unsigned field, std::int64_t value) {
  return tag(field, 0) + varint(static_cast<std::uint64_t>(value));
}
std::string field_bytes(unsigned field, const std::string& value) {
  return tag(field, 2) + varint(value.size()) + value;
}

std::string masked(std::string_view bytes) {
  const std::uint32_t checksum = crc32c(bytes);
  return fixed(std::rotr(checksum, 15) + kMask);
}

std::string record(const std::string& content) {
  const std::string length = fixed(static_cast<std::uint64_t>(content.size()));
  return length + masked(length) + content + masked(content);
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t value = ~std::uint32_t{0};
  for (const char byte : bytes) value = (value >> 8) ^ kTable[(value ^ static_cast<std::uint8_t>(byte)) & 0xff];
  return ~value;
}

// Event: wall_time = 1, step = 2, file_version = 3, summary = 5. Summary: value = 1. Its value: tag = 1,
// simple_value = 2.
std::string event_file_begin(double wall_time) {
  return record(field_double(1, wall_time) + field_bytes(3, "brain.Event:2"));
}

std::string scalar_event(double wall_time, std::int64_t step,
                         const std::vector<std::pair<std::string, double>>& scalars) {
  std::string summary;
  for (const auto& [name, value] : scalars) {
    summary += field_bytes(1, field_bytes(1, name) + field_float(2, static_cast<float>(value)));
  }
  return record(field_double(1, wall_time) + field_int(2, step) + field_bytes(5, summary));
}

}  // namespace triage::results
