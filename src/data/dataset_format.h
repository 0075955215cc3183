// The bytes of a data set file (docs/formats.md), apart from files and maps: the fuzz target reads from memory.
// Little-endian. Every byte of the file is covered: the head by its own checksum, pixels and labels by info.sha256.
//   0  magic "TRIAGEDS"   8  version u32   12  info bytes u32   16  pixels offset u64   24  pixels bytes u64
//   32 labels offset u64  40  labels bytes u64   48  file bytes u64   56  zero u64
//   64 SHA-256, 64 hexadecimal characters, of [0, 64) and [128, pixels offset)   128  info (JSON), zeros to the pixels
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/dataset.h"

namespace triage::data {

inline constexpr std::uint32_t kDatasetVersion = 1;
inline constexpr std::size_t kDatasetHashAt = 64, kDatasetInfoAt = 128, kDatasetPage = 4096;
inline constexpr int kMaxImageSide = 8192;

struct DatasetLayout {
  DatasetInfo info;
  std::uint64_t pixels_offset = 0, pixels_bytes = 0, labels_offset = 0, labels_bytes = 0;
};

// Everything in front of the pixels, ready to be written; info.sha256 must be filled in.
std::string make_dataset_head(const DatasetInfo& info);

// Checks the head against its checksum and the file's size. `origin` names the file in errors.
DatasetLayout read_dataset_head(std::span<const std::uint8_t> file, const std::string& origin);

// Checks that each label names a class; with `verify` also the checksum of pixels and labels.
void check_dataset_content(std::span<const std::uint8_t> file, const DatasetLayout& layout, bool verify,
                           const std::string& origin);

// Of a head as it stands in `file`, where its pixels start at `pixels_offset`.
std::string dataset_head_checksum(std::span<const std::uint8_t> file, std::uint64_t pixels_offset);

}  // namespace triage::data
