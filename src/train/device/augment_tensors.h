// Augmentation and normalisation of a batch as tensor operations on its device: the same draws (data/augment.h), the
// same bits as the CPU's.
#pragma once

#include <torch/types.h>

#include "data/loader.h"

namespace triage::train {

// The images of a data set as bytes on a device, with their labels.
class DeviceImages {
 public:
  // Copies all of the images. Their normalisation as in data::PixelPass; throws Error as it does.
  DeviceImages(const data::Dataset& data, const data::Normalization& normalization, data::PixelType type,
               at::Device device);

  // draws: [n, data::kDrawColumns] int32 on the device, a row of data::draw_rows() for each image.
  at::Tensor augmented(const at::Tensor& draws, int cutout) const;  // [n, C, H, W] of `type`, channels last
  at::Tensor labels(const at::Tensor& draws) const;                 // [n] int64

  std::uint64_t bytes() const { return static_cast<std::uint64_t>(pixels_.numel()); }

 private:
  int height_, width_, channels_;
  at::Tensor pixels_;  // [images * height * width, channels] uint8
  at::Tensor labels_;  // [images] int64
  at::Tensor values_;  // [channels * 256]: what a byte of a channel becomes
  at::Tensor rows_, columns_, channel_offsets_;
};

}  // namespace triage::train
