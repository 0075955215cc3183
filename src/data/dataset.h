// One imported data set: a single checksummed file, mapped read-only. Pixels are 8 bit, [height, width, channels] per
// image; training images come first, then the test images. File format: docs/formats.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/fit.h"

namespace triage::data {

struct DatasetInfo {
  std::string name;    // "cifar10"
  std::string source;  // how it was imported, for people
  int channels = 0, height = 0, width = 0;
  Fit fit = Fit::squash;  // how its images were brought to that size
  std::vector<std::string> classes;
  std::uint32_t train_count = 0, test_count = 0;
  std::string sha256;  // of pixels and labels
};

class Dataset {
 public:
  // Checks header, sizes, label range and (verify) the checksum. Throws Error naming file, offset, expected, found.
  static Dataset open(const fs::path& path, bool verify = true);

  const DatasetInfo& info() const { return info_; }
  std::uint32_t size() const { return info_.train_count + info_.test_count; }
  std::size_t image_bytes() const { return static_cast<std::size_t>(info_.channels) * info_.height * info_.width; }
  const std::uint8_t* image(std::uint32_t index) const { return pixels_ + index * image_bytes(); }
  std::uint8_t label(std::uint32_t index) const { return labels_[index]; }
  std::span<const std::uint8_t> labels() const { return {labels_, size()}; }

 private:
  explicit Dataset(MappedFile file) : file_(std::move(file)) {}
  DatasetInfo info_;
  MappedFile file_;
  const std::uint8_t* pixels_ = nullptr;
  const std::uint8_t* labels_ = nullptr;
};

// What an importer hands over, and how it becomes a file (atomic; nothing half-written stays, also on a full disk).
struct RawDataset {
  DatasetInfo info;                  // sha256 is filled in by the writer
  std::vector<std::uint8_t> pixels;  // [train_count + test_count, height, width, channels]
  std::vector<std::uint8_t> labels;
};
void write_dataset(const RawDataset& raw, const fs::path& path);

// Four disjoint splits as indices into the Dataset, class-balanced and seeded: `route` and `validation` images are
// drawn from the training images, the same number of each class (+-1); the rest is `train`; `test` is the official one.
struct SplitOptions {
  std::uint32_t route = 2500, validation = 5000;
  std::uint64_t seed = 1;
};
struct Splits {
  std::vector<std::uint32_t> train, route, validation, test;
};
Splits make_splits(const Dataset& dataset,
                   const SplitOptions& options);  // throws Error when a class has too few images

}  // namespace triage::data
