// The images of a data set at one size, as a network of ours takes them: raw ones of that size as they are, encoded
// ones decoded, cut and resized. Raw ones of another size are what a network sees that has a resolution of its own: the
// bits that the runtime prepares for it (preprocess::squashed_preprocess).
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "data/dataset.h"
#include "preprocess/preprocessor.h"

namespace triage::data {

// A rectangle of an image.
struct Crop {
  int top = 0, left = 0, height = 0, width = 0;
  bool operator==(const Crop&) const = default;
};

struct SizeOptions {
  int height = 0, width = 0;  // 0: as the images of a raw set are
  // Training crops: the least share of the image's area; its aspect ratio is 3/4 to 4/3 of the output's (Szegedy 2015).
  // 1: the largest crop with the output's aspect ratio, at a random place.
  double min_area = 0.35;
  // Decoded images are kept up to these bytes, first come first kept; what is kept changes no pixel.
  std::uint64_t cache_bytes = std::uint64_t{1} << 30;
};

// The largest part with the output's aspect ratio, in the middle.
Crop centre_crop(int height, int width, const SizeOptions& size);
// A function of its arguments alone; index: the image's place in the data set.
Crop random_crop(int height, int width, const SizeOptions& size, std::uint64_t seed, std::uint64_t epoch,
                 std::uint32_t index);

struct SizedScratch {  // of a thread
  Image image;
  std::vector<float> levels;
  preprocess::Scratch resizing;
};

// Thread-safe.
class SizedImages {
 public:
  // Throws Error for an encoded set without a size.
  SizedImages(const Dataset& dataset, const SizeOptions& size);
  ~SizedImages();

  const DatasetInfo& info() const { return info_; }  // of the data set, with the size of the output
  std::size_t kept_bytes() const { return kept_bytes_.load(std::memory_order_relaxed); }

  // Pixels [height, width, channels] of the output; in the scratch or `storage`, or as long-lived as the data set. The
  // middle of an encoded image, the whole of a raw one.
  const std::uint8_t* centre(std::uint32_t index, SizedScratch& scratch) const;
  const std::uint8_t* random(std::uint32_t index, std::uint64_t seed, std::uint64_t epoch, Image& storage) const;

 private:
  template <class Choose>
  const std::uint8_t* cut(std::uint32_t index, const Choose& choose, Image& storage) const;
  const Image& decoded(std::uint32_t index, Image& storage) const;
  const std::uint8_t* squashed(std::uint32_t index, SizedScratch& scratch) const;

  const Dataset& dataset_;
  SizeOptions size_;
  DatasetInfo info_;
  bool as_they_are_;
  std::optional<preprocess::Preprocessor> squash_;  // of raw images of another size, to levels
  mutable std::atomic<std::uint64_t> kept_bytes_ = 0;
  std::unique_ptr<std::atomic<const Image*>[]> kept_;  // [images] owned; null: none are kept
};

}  // namespace triage::data
