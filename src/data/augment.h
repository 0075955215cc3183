// Augmentation and normalisation of one image in a single pass over its bytes: a 256-entry table for each channel
// maps byte -> normalised value, index tables make the reflected shift and the flip.
#pragma once

#include <cstdint>
#include <vector>

#include "data/loader.h"

namespace triage::data {

// What happens to one image in one epoch.
struct Draw {
  int shift_y = 0, shift_x = 0;  // output pixel (y, x) shows input pixel (y + shift_y, x + shift_x)
  bool flip = false;             // the shifted image is mirrored
  int cut_y = 0, cut_x = 0;      // centre of the cutout (DeVries, Taylor 2017); the square may reach over the border
};

// A function of its arguments alone: `index` is the image's place in the data set.
Draw make_draw(const AugmentOptions& options, int height, int width, std::uint64_t seed, std::uint64_t epoch,
               std::uint32_t index);

// An epoch of a TrainLoader as a table of whole numbers: a row for each image in the order of the batches, the index of
// the image and its draw.
enum class DrawColumn { index, shift_y, shift_x, flip, cut_y, cut_x };
constexpr std::size_t kDrawColumns = 6;
std::vector<std::int32_t> draw_rows(const DatasetInfo& info, std::span<const std::uint32_t> indices,
                                    const LoaderOptions& options, std::uint64_t epoch);

// What `epoch` of a loader is made of: the order of the images, as positions in its indices, and the epoch that its
// draws are of.
std::vector<std::uint32_t> epoch_order(std::size_t images, const LoaderOptions& options, std::uint64_t epoch);
std::uint64_t epoch_view(const LoaderOptions& options, std::uint64_t epoch);

std::uint16_t to_bf16(float value);  // rounds to nearest, ties to even; NaN stays NaN

// Thread-safe after construction.
class PixelPass {
 public:
  // Throws Error when the normalisation does not fit the channels or a shift does not fit the image.
  PixelPass(const DatasetInfo& info, const Normalization& normalization, PixelType type, const AugmentOptions& options);

  const std::vector<float>& values() const { return fp32_; }  // [channels, 256]: what a byte of a channel becomes
  std::size_t output_bytes() const { return row_elements_ * height_ * element_bytes_; }

  // image [height, width, channels] -> out, output_bytes() long.
  void plain(const std::uint8_t* image, std::uint8_t* out) const;
  void augmented(const std::uint8_t* image, const Draw& draw, std::uint8_t* out) const;

 private:
  template <class T, int kChannels>
  void run(const T* table, const std::uint8_t* image, const Draw& draw, T* out) const;
  template <class T>
  void run_plain(const T* table, const std::uint8_t* image, T* out) const;

  int height_, width_, channels_, cutout_, shift_;
  PixelType type_;
  std::size_t row_elements_, element_bytes_;
  std::vector<std::uint16_t> bf16_;     // [channels, 256]
  std::vector<float> fp32_;             // [channels, 256]
  std::vector<std::uint32_t> columns_;  // [2 shift + 1, 2 (flip), width]: offset of the input pixel in its row
  std::vector<int> rows_;               // [2 shift + 1, height]: input row
};

}  // namespace triage::data
