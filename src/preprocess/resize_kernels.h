// The loops of preprocessing over the pixels of an image.
#pragma once

#include <cstddef>
#include <cstdint>

#include "preprocess/axis.h"

namespace triage::preprocess {

// `count` rows of an image, `stride` bytes apart; `end` is where the image ends, behind which nothing may be read.
struct PixelRows {
  const std::uint8_t* pixels = nullptr;
  std::ptrdiff_t stride = 0;
  const std::uint8_t* end = nullptr;
  int count = 0, channels = 0;
};

// Pixels to what a network takes: value c of a pixel is (pixel[source of c] - level[c]) * factor[c].
struct PixelValues {
  int channels = 0, pixel_channels = 0;                 // of the output; of the pixels: as many, or 1
  bool reversed = false;                                // the order of the channels
  const float *level = nullptr, *factor = nullptr;      // [channels]
  std::ptrdiff_t channel_stride = 0, pixel_stride = 0;  // of the output, in elements
};

struct ResizeKernels {
  // Along rows: each row becomes window.count pixels. [rows.count, window.count, channels], rounded to 8 bits or not.
  void (*across)(const PixelRows& rows, const AxisTable& table, std::uint8_t* output);
  void (*across_precise)(const PixelRows& rows, const AxisTable& table, float* output);
  // Output row i of `table` from its rows: `rows` is the row table.first[i], of `bytes` values. Rounded to 8 bits.
  void (*down)(const std::uint8_t* rows, std::ptrdiff_t stride, const AxisTable& table, int i, int bytes,
               std::uint8_t* output);
  void (*down_precise)(const float* rows, std::ptrdiff_t stride, const AxisTable& table, int i, int values,
                       std::uint8_t* output);
  // count * 3 bytes -> count: Rec. 601 as Pillow rounds it.
  void (*grey)(const std::uint8_t* pixels, std::ptrdiff_t count, std::uint8_t* output);
  void (*store)(const std::uint8_t* pixels, int count, const PixelValues& values, float* output);
};

const ResizeKernels& resize_kernels();

}  // namespace triage::preprocess
