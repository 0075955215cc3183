// The bytes of a data set file (docs/formats.md), apart from files and maps: the fuzz target reads from memory.
// Little-endian. Every byte of the file is covered: the head by its own checksum, what follows by info.sha256.
//   0  magic "TRIAGEDS"   8  version u32   12  info bytes u32   16  images offset u64   24  images bytes u64
//   32 labels offset u64  40  labels bytes u64   48  file bytes u64   56  groups bytes u64 (behind the labels)
//   64 SHA-256, 64 hexadecimal characters, of [0, 64) and [128, images offset)   128  info (JSON), zeros to the images
// Version 3 has encoded images. Behind the groups it has an index (count + 1 times u64: where each image begins, from
// the images offset, and their end) and the checksums of the shards (64 hexadecimal characters each); info.sha256 is of
// all behind the images. Raw images are of version 2; version 1, still read, had labels of one byte and no groups.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "data/dataset.h"

namespace triage::data {

inline constexpr std::uint32_t kRawVersion = 2, kEncodedVersion = 3;
inline constexpr std::size_t kDatasetHashAt = 64, kDatasetInfoAt = 128, kDatasetPage = 4096, kSha256Hex = 64;
inline constexpr int kMaxImageSide = 8192;
inline constexpr std::size_t kMaxDatasetClasses = 100'000;  // as of a plan
inline constexpr std::uint64_t kMaxDatasetImages = std::uint64_t{1} << 31;

inline constexpr std::uint64_t kMaxEncodedImage = std::uint64_t{1} << 30;  // as of a file that is imported

struct DatasetLayout {
  DatasetInfo info;
  std::uint64_t images_offset = 0, images_bytes = 0, labels_offset = 0, labels_bytes = 0, groups_bytes = 0;

  std::vector<Label> labels(std::span<const std::uint8_t> file) const;
  std::vector<std::uint32_t> groups(std::span<const std::uint8_t> file) const;
  // Of an encoded set:
  std::vector<std::uint64_t> offsets(std::span<const std::uint8_t> file) const;  // [count + 1], from the images offset
  std::span<const std::uint8_t> checksums(std::span<const std::uint8_t> file) const;
};

// Everything in front of the images, ready to be written; info.sha256 must be filled in. images_bytes: of all images.
// Its size is `size` where that is more than it needs.
std::string make_dataset_head(const DatasetInfo& info, std::uint64_t images_bytes, std::uint64_t size);

std::uint64_t raw_image_bytes(const DatasetInfo& info);  // of all images of a raw set
std::uint64_t shard_count(std::uint64_t images_bytes, std::uint64_t shard_bytes);

// Checks the head against its checksum and the file's size. `origin` names the file in errors.
DatasetLayout read_dataset_head(std::span<const std::uint8_t> file, const std::string& origin);

// Checks that each label names a class, each group is one and encoded images lie one behind another; with `verify` also
// the checksum of all behind the head, of an encoded set all behind its images. read: is handed each piece of the file,
// some MB, once its checksum was taken.
using PieceRead = std::function<void(std::span<const std::uint8_t> piece)>;
void check_dataset_content(std::span<const std::uint8_t> file, const DatasetLayout& layout, bool verify,
                           const std::string& origin, const PieceRead& read = {});

// Throws Error unless shard `shard` of an encoded set has its checksum. images, checksums: of the whole set;
// images_offset: for errors.
struct StoredShards {
  std::span<const std::uint8_t> images, checksums;
  std::uint64_t images_offset = 0, shard_bytes = 0;
};
void check_shard(const StoredShards& stored, std::uint64_t shard, const std::string& origin);

// Of a head as it stands in `file`, where its images start at `images_offset`.
std::string dataset_head_checksum(std::span<const std::uint8_t> file, std::uint64_t images_offset);

}  // namespace triage::data
