// The bytes of a data set file (docs/formats.md), apart from files and maps: the fuzz target reads from memory.
// Little-endian. Every byte of the file is covered: the head by its own checksum, what follows by info.sha256.
//   0  magic "TRIAGEDS"   8  version u32   12  info bytes u32   16  pixels offset u64   24  pixels bytes u64
//   32 labels offset u64  40  labels bytes u64   48  file bytes u64   56  groups bytes u64 (behind the labels)
//   64 SHA-256, 64 hexadecimal characters, of [0, 64) and [128, pixels offset)   128  info (JSON), zeros to the pixels
// Version 1, still read, had labels of one byte and no groups.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/dataset.h"

namespace triage::data {

inline constexpr std::uint32_t kDatasetVersion = 2;
inline constexpr std::size_t kDatasetHashAt = 64, kDatasetInfoAt = 128, kDatasetPage = 4096, kSha256Hex = 64;
inline constexpr int kMaxImageSide = 8192;
inline constexpr std::size_t kMaxDatasetClasses = 100'000;  // as of a plan
inline constexpr std::uint64_t kMaxDatasetImages = std::uint64_t{1} << 31;

struct DatasetLayout {
  DatasetInfo info;
  std::uint64_t pixels_offset = 0, pixels_bytes = 0, labels_offset = 0, labels_bytes = 0, groups_bytes = 0;

  std::vector<Label> labels(std::span<const std::uint8_t> file) const;
  std::vector<std::uint32_t> groups(std::span<const std::uint8_t> file) const;
};

// Everything in front of the pixels, ready to be written; info.sha256 must be filled in. Its size is `size` where that
// is more than it needs.
std::string make_dataset_head(const DatasetInfo& info, std::uint64_t size);

// Checks the head against its checksum and the file's size. `origin` names the file in errors.
DatasetLayout read_dataset_head(std::span<const std::uint8_t> file, const std::string& origin);

// Checks that each label names a class and each group is one; with `verify` also the checksum of all behind the head.
void check_dataset_content(std::span<const std::uint8_t> file, const DatasetLayout& layout, bool verify,
                           const std::string& origin);

// Of a head as it stands in `file`, where its pixels start at `pixels_offset`.
std::string dataset_head_checksum(std::span<const std::uint8_t> file, std::uint64_t pixels_offset);

}  // namespace triage::data
