// Augmentation and normalisation of one image in a single pass over its bytes: a 256-entry table for each channel
// maps byte -> normalised value, index tables make the reflected shift and the flip.
#pragma once

#include <cstdint>
#include <vector>

#include "data/draws.h"

namespace triage::data {

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
  // The same in two steps, for what is mixed between: bytes to bytes, and those to what is put out.
  void shifted(const std::uint8_t* image, const Draw& draw, std::uint8_t* bytes) const;
  void finished(const std::uint8_t* bytes, const Draw& draw, std::uint8_t* out) const;

 private:
  template <class T, int kChannels>
  void run(const T* table, const std::uint8_t* image, const Draw& draw, T* out) const;
  template <class T>
  void clear_holes(const Draw& draw, T* out) const;  // cutout and erasing; 0 is the mean
  template <class T>
  void run_plain(const T* table, const std::uint8_t* image, T* out) const;

  int height_, width_, channels_, cutout_, shift_;
  PixelType type_;
  std::size_t row_elements_, element_bytes_;
  std::vector<std::uint16_t> bf16_;     // [channels, 256]
  std::vector<float> fp32_;             // [channels, 256]
  std::vector<std::uint8_t> bytes_;     // [channels, 256]: as they are
  std::vector<std::uint32_t> columns_;  // [2 shift + 1, 2 (flip), width]: offset of the input pixel in its row
  std::vector<int> rows_;               // [2 shift + 1, height]: input row
};

}  // namespace triage::data
