// Augmentation and normalisation of a batch as tensor operations on its device: the same draws (data/draws.h), the
// same bits as the CPU's.
#pragma once

#include "data/loader.h"
#include "train/device/pixel_tensors.h"
#include "train/labels.h"

namespace triage::train {

// The images of a data set as bytes on a device, with their labels.
class DeviceImages {
 public:
  // Copies all of the images. Their normalisation as in data::PixelPass; throws Error as it does.
  DeviceImages(const data::Dataset& data, const data::Normalization& normalization, data::PixelType type,
               at::Device device);

  // draws: [n, data::kDrawColumns] int32 on the device, a row of data::draw_rows() for each image; options: what they
  // were drawn for.
  at::Tensor augmented(const at::Tensor& draws, const data::AugmentOptions& options) const;  // [n, C, H, W] of `type`,
                                                                                             // channels last
  Labels labels(const at::Tensor& draws, const data::AugmentOptions& options) const;

  std::uint64_t bytes() const { return static_cast<std::uint64_t>(stored_.pixels.numel()); }

 private:
  // [n * H * W, C] int32: bytes as a network's values are looked up for.
  at::Tensor pixels(const at::Tensor& draws, const data::AugmentOptions& options) const;

  StoredImages stored_;
  at::Tensor labels_;  // [images] int64
  at::Tensor values_;  // [channels * 256]: what a byte of a channel becomes
  at::Tensor rows_, columns_, channel_offsets_;
};

}  // namespace triage::train
