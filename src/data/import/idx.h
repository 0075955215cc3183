// IDX files (LeCun's MNIST page): 00 00 08 <dimensions>, big-endian sizes, unsigned bytes. Raw or gzip, by content.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace triage::data {

struct Idx {
  std::vector<std::uint32_t> sizes;
  std::vector<std::uint8_t> values;
};

// `dimensions`: 3 for images, 1 for labels; anything else in the file is an error naming `origin`.
Idx parse_idx(std::span<const std::uint8_t> bytes, int dimensions, const std::string& origin);

bool is_gzip(std::span<const std::uint8_t> bytes);

// Unpacks all members of a gzip file (RFC 1952), with zeros behind them or not; fails when it is truncated, damaged, or
// holds more than `limit` bytes.
std::vector<std::uint8_t> gunzip(std::span<const std::uint8_t> bytes, std::size_t limit, const std::string& origin);

}  // namespace triage::data
