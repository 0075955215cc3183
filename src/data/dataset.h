// One imported data set: a single checksummed file, mapped read-only. Its images are raw, 8 bit pixels [height, width,
// channels] of one size, or encoded, the bytes of JPEG, PNG, ... files of any size. Training images come first, then
// the set's own validation images, then the test images. File format: docs/formats.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/files/file.h"
#include "core/label.h"
#include "core/statistics/fit.h"
#include "data/image/image.h"
#include "triage/classifier.h"

namespace triage::data {

struct DatasetInfo {
  std::string name;     // "cifar10"
  std::string source;   // how it was imported, for people
  std::string options;  // of the importer, where they matter: "--height 32 --width 32 --split 80/10/10"
  int channels = 0, height = 0, width = 0;  // encoded: height = width = 0, images are of any size
  bool encoded = false;
  DecodeOptions decode;   // encoded: how its images are decoded; its target size is not kept
  Fit fit = Fit::squash;  // raw: how its images were brought to that size
  std::vector<std::string> classes;
  std::uint64_t shard_bytes = std::uint64_t{4} << 20;  // encoded: of the images' bytes, under one checksum
  std::uint32_t train_count = 0, test_count = 0;
  std::uint32_t validation_count = 0;       // 0: validation images are drawn from the training images, see splits.h
  std::uint32_t groups = 0;                 // of images that belong together (frames of a track); 0: the set has none
  std::uint64_t left_out = 0;               // damaged files that the import was told to skip ...
  std::vector<std::string> left_out_names;  // ... the first of them
  std::string sha256;  // of pixels, labels and groups; encoded: of labels, groups, index and the checksums of shards

  std::uint64_t size() const { return std::uint64_t{train_count} + validation_count + test_count; }
  std::uint32_t test_first() const { return train_count + validation_count; }  // index of the first test image
};

class Dataset {
 public:
  // Checks header, sizes, label range and (verify) the checksum. The images of an encoded set have checksums by shard
  // (some MB), each checked when one of its images is first read, or by verify_images(). Throws Error naming file,
  // offset, expected, found.
  static Dataset open(const fs::path& path, bool verify = true);

  const DatasetInfo& info() const { return info_; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(info_.size()); }
  bool encoded() const { return info_.encoded; }
  Label label(std::uint32_t index) const { return labels_[index]; }
  std::span<const Label> labels() const { return labels_; }
  std::span<const std::uint32_t> groups() const { return groups_; }  // of every image; empty: none

  // An image of either form, with info().channels: raw: in the mapped file, `storage` is not used; encoded: decoded
  // into `storage`, turned as its EXIF data say. Thread-safe, as all below. Throws Error naming the set, the image and
  // why it cannot be decoded.
  ImageView view(std::uint32_t index, Image& storage) const;
  // The same of an encoded set for a caller that will shrink the image to `target_height` x `target_width`, see
  // DecodeOptions; 0: every pixel.
  void decode(std::uint32_t index, int target_height, int target_width, Image& storage) const;
  // As it is stored: pixels, or the bytes of the image's file.
  std::span<const std::uint8_t> bytes(std::uint32_t index) const;
  void verify_images() const;  // all shards of an encoded set; a raw one was verified by open()

  // Of raw sets; throws Error for encoded ones.
  void require_raw() const {
    if (info_.encoded) fail_encoded();
  }
  std::size_t image_bytes() const {
    require_raw();
    return static_cast<std::size_t>(info_.channels) * info_.height * info_.width;
  }
  const std::uint8_t* image(std::uint32_t index) const { return images_ + index * image_bytes(); }
  std::vector<std::uint8_t> pixels(std::span<const std::uint32_t> images) const;  // as one block

 private:
  explicit Dataset(MappedFile file) : file_(std::move(file)) {}
  [[noreturn]] void fail_encoded() const;
  void verify_shard(std::uint64_t shard) const;
  DatasetInfo info_;
  MappedFile file_;
  const std::uint8_t* images_ = nullptr;
  std::vector<Label> labels_;
  std::vector<std::uint32_t> groups_;
  // Of an encoded set:
  std::string origin_;
  std::vector<std::uint64_t> offsets_;                  // of each image from images_, and their end
  std::span<const std::uint8_t> checksums_;             // of the shards, as they are stored
  std::unique_ptr<std::atomic<std::uint8_t>[]> valid_;  // shards that were verified
};

// What an importer of small sets hands over, and how it becomes a file (atomic; nothing half-written stays, also on a
// full disk). Large and encoded sets: dataset_writer.h.
struct RawDataset {
  DatasetInfo info;                  // sha256 is filled in by the writer
  std::vector<std::uint8_t> pixels;  // [info.size(), height, width, channels]
  std::vector<Label> labels;
  std::vector<std::uint32_t> groups;  // below info.groups; empty: none
};
void write_dataset(const RawDataset& raw, const fs::path& path);

}  // namespace triage::data
