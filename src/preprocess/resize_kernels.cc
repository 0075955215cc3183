#include "preprocess/resize_kernels.h"

#include <algorithm>
#include <cmath>

namespace triage::preprocess {
namespace {

constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);

std::uint8_t rounded(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp((sum + kHalf) >> kWeightBits, 0, 255));
}

template <class Value, class Finish>
void across_each(const PixelRows& rows, const AxisTable& table, Value* output, Finish finish) {
  const int channels = rows.channels, count = table.key.window.count;
  for (int y = 0; y < rows.count; ++y) {
    const std::uint8_t* row = rows.pixels + y * rows.stride;
    for (int i = 0; i < count; ++i) {
      const int first = table.first[static_cast<std::size_t>(i)], taps = table.end(i) - first;
      const std::int32_t* weights = table.weights.data() + static_cast<std::ptrdiff_t>(i) * table.taps;
      for (int c = 0; c < channels; ++c) {
        const std::uint8_t* pixel = row + static_cast<std::ptrdiff_t>(first) * channels + c;
        std::int32_t sum = 0;
        for (int t = 0; t < taps; ++t) sum += weights[t] * pixel[t * channels];
        *output++ = finish(sum);
      }
    }
  }
}

void across(const PixelRows& rows, const AxisTable& table, std::uint8_t* output) {
  across_each(rows, table, output, rounded);
}

void across_precise(const PixelRows& rows, const AxisTable& table, float* output) {
  across_each(rows, table, output,
              [](std::int32_t sum) { return static_cast<float>(sum) * (1.0f / (1 << kWeightBits)); });
}

void down(const std::uint8_t* rows, std::ptrdiff_t stride, const AxisTable& table, int i, int bytes,
          std::uint8_t* output) {
  const int taps = table.end(i) - table.first[static_cast<std::size_t>(i)];
  const std::int32_t* weights = table.weights.data() + static_cast<std::ptrdiff_t>(i) * table.taps;
  for (int x = 0; x < bytes; ++x) {
    std::int32_t sum = 0;
    for (int t = 0; t < taps; ++t) sum += weights[t] * rows[t * stride + x];
    output[x] = rounded(sum);
  }
}

void down_precise(const float* rows, std::ptrdiff_t stride, const AxisTable& table, int i, int values,
                  std::uint8_t* output) {
  const int taps = table.end(i) - table.first[static_cast<std::size_t>(i)];
  const std::int32_t* weights = table.weights.data() + static_cast<std::ptrdiff_t>(i) * table.taps;
  for (int x = 0; x < values; ++x) {
    float sum = 0;
    for (int t = 0; t < taps; ++t)
      sum += static_cast<float>(weights[t]) * (1.0f / (1 << kWeightBits)) * rows[t * stride + x];
    output[x] = static_cast<std::uint8_t>(std::clamp(std::nearbyint(sum), 0.0f, 255.0f));
  }
}

void grey(const std::uint8_t* pixels, std::ptrdiff_t count, std::uint8_t* output) {
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    const std::uint8_t* pixel = pixels + 3 * i;
    output[i] = static_cast<std::uint8_t>((pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 0x8000) >> 16);
  }
}

void store(const std::uint8_t* pixels, int count, const PixelValues& values, float* output) {
  const int stored = values.pixel_channels;
  for (int c = 0; c < values.channels; ++c) {
    const int source = stored == 1 ? 0 : values.reversed ? values.channels - 1 - c : c;
    float* const to = output + c * values.channel_stride;
    for (int i = 0; i < count; ++i)
      to[i * values.pixel_stride] =
          (static_cast<float>(pixels[i * stored + source]) - values.level[c]) * values.factor[c];
  }
}

}  // namespace

const ResizeKernels& resize_kernels() {
  static constexpr ResizeKernels kKernels{across, across_precise, down, down_precise, grey, store};
  return kKernels;
}

}  // namespace triage::preprocess
