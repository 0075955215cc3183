// The loops of preprocessing over the pixels of an image, as a table of functions per instruction set.
// resize_kernels-inl.h holds the one source; resize_{portable,avx2,avx512}.cc compile it for their targets.
#pragma once

#include <cstddef>
#include <cstdint>

#include "preprocess/axis.h"

namespace triage::preprocess {

// Rows of an image, `stride` bytes apart.
struct PixelRows {
  const std::uint8_t* pixels = nullptr;
  std::ptrdiff_t stride = 0;
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
  // Along up to `lanes` rows: each becomes window.count pixels, output [rows.count, window.count, channels], rounded to
  // 8 bits, or not. work: across_work() bytes.
  int lanes = 0;
  void (*across)(const PixelRows& rows, const AxisTable& table, std::uint8_t* work, std::uint8_t* output);
  void (*across_precise)(const PixelRows& rows, const AxisTable& table, std::uint8_t* work, float* output);
  // Output row i of `table`, of `values` values: `rows` is the row table.first[i]. Rounded to 8 bits.
  void (*down)(const std::uint8_t* rows, std::ptrdiff_t stride, const AxisTable& table, int i, int values,
               std::uint8_t* output);
  void (*down_precise)(const float* rows, std::ptrdiff_t stride, const AxisTable& table, int i, int values,
                       std::uint8_t* output);
  // [count, 3] -> [count]: Rec. 601 as Pillow rounds it.
  void (*grey)(const std::uint8_t* pixels, std::ptrdiff_t count, std::uint8_t* output);
  void (*store)(const std::uint8_t* pixels, int count, const PixelValues& values, float* output);

  std::size_t across_work(const AxisTable& table, int channels) const;
};

// The best build for this CPU; all give the same bits, but for the last ones of the precise functions.
const ResizeKernels& resize_kernels();

namespace portable {
const ResizeKernels& resize_kernels();
}
#if defined(__x86_64__)
namespace avx2 {
const ResizeKernels& resize_kernels();
}
namespace avx512 {
const ResizeKernels& resize_kernels();
}
#endif

}  // namespace triage::preprocess
