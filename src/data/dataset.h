// One imported data set: a single checksummed file, mapped read-only. Pixels are 8 bit, [height, width, channels] per
// image; training images come first, then the set's own validation images, then the test images. File format:
// docs/formats.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/files/file.h"
#include "core/label.h"
#include "core/statistics/fit.h"

namespace triage::data {

struct DatasetInfo {
  std::string name;     // "cifar10"
  std::string source;   // how it was imported, for people
  std::string options;  // of the importer, where they matter: "--height 32 --width 32 --split 80/10/10"
  int channels = 0, height = 0, width = 0;
  Fit fit = Fit::squash;  // how its images were brought to that size
  std::vector<std::string> classes;
  std::uint32_t train_count = 0, test_count = 0;
  std::uint32_t validation_count = 0;       // 0: validation images are drawn from the training images, see splits.h
  std::uint32_t groups = 0;                 // of images that belong together (frames of a track); 0: the set has none
  std::uint64_t left_out = 0;               // damaged files that the import was told to skip ...
  std::vector<std::string> left_out_names;  // ... the first of them
  std::string sha256;                       // of pixels, labels and groups

  std::uint64_t size() const { return std::uint64_t{train_count} + validation_count + test_count; }
  std::uint32_t test_first() const { return train_count + validation_count; }  // index of the first test image
};

class Dataset {
 public:
  // Checks header, sizes, label range and (verify) the checksum. Throws Error naming file, offset, expected, found.
  static Dataset open(const fs::path& path, bool verify = true);

  const DatasetInfo& info() const { return info_; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(info_.size()); }
  std::size_t image_bytes() const { return static_cast<std::size_t>(info_.channels) * info_.height * info_.width; }
  const std::uint8_t* image(std::uint32_t index) const { return pixels_ + index * image_bytes(); }
  std::vector<std::uint8_t> pixels(std::span<const std::uint32_t> images) const;  // as one block
  Label label(std::uint32_t index) const { return labels_[index]; }
  std::span<const Label> labels() const { return labels_; }
  std::span<const std::uint32_t> groups() const { return groups_; }  // of every image; empty: none

 private:
  explicit Dataset(MappedFile file) : file_(std::move(file)) {}
  DatasetInfo info_;
  MappedFile file_;
  const std::uint8_t* pixels_ = nullptr;
  std::vector<Label> labels_;
  std::vector<std::uint32_t> groups_;
};

// What an importer of small sets hands over, and how it becomes a file (atomic; nothing half-written stays, also on a
// full disk).
struct RawDataset {
  DatasetInfo info;                  // sha256 is filled in by the writer
  std::vector<std::uint8_t> pixels;  // [info.size(), height, width, channels]
  std::vector<Label> labels;
  std::vector<std::uint32_t> groups;  // below info.groups; empty: none
};
void write_dataset(const RawDataset& raw, const fs::path& path);

// The same image by image, for sets that do not fit into memory. Without finish() nothing stays.
class DatasetWriter {
 public:
  // `expected`: the set as it will be, but for its counts, which may come to less, its checksum, and what the import
  // left out.
  DatasetWriter(const fs::path& path, const DatasetInfo& expected);
  void add(std::span<const std::uint8_t> pixels);  // of one image or several, in the order of the file
  // info: with the counts as they came to be.
  void finish(DatasetInfo info, std::span<const Label> labels, std::span<const std::uint32_t> groups);

 private:
  fs::path path_;
  AtomicFile file_;
  Sha256 sha_;
  std::uint64_t pixels_offset_ = 0, pixels_bytes_ = 0;
};

}  // namespace triage::data
