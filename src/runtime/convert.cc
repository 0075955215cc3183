#include "runtime/convert.h"

#if defined(__x86_64__) && defined(__gnu_linux__)
#define TRIAGE_CLONES __attribute__((target_clones("default", "arch=x86-64-v3")))
#else
#define TRIAGE_CLONES
#endif

namespace triage::runtime {
namespace {

constexpr float kScale = 1.0f / 255;

// Known strides let the compiler shuffle whole vectors.
TRIAGE_CLONES void convert_grey(const std::uint8_t* pixels, std::size_t count, float* output) {
  for (std::size_t i = 0; i < count; ++i) output[i] = static_cast<float>(pixels[i]) * kScale;
}

TRIAGE_CLONES void convert_colour(const std::uint8_t* pixels, std::size_t count, float* __restrict red) {
  float* __restrict green = red + count;
  float* __restrict blue = green + count;
  for (std::size_t i = 0; i < count; ++i) {
    red[i] = static_cast<float>(pixels[3 * i]) * kScale;
    green[i] = static_cast<float>(pixels[3 * i + 1]) * kScale;
    blue[i] = static_cast<float>(pixels[3 * i + 2]) * kScale;
  }
}

}  // namespace

void to_input(const ImageView& image, float* output) {
  const std::size_t count = static_cast<std::size_t>(image.height) * image.width;
  if (image.channels == 1) return convert_grey(image.pixels, count, output);
  if (image.channels == 3) return convert_colour(image.pixels, count, output);
  for (int c = 0; c < image.channels; ++c) {
    for (std::size_t i = 0; i < count; ++i) {
      output[c * count + i] = static_cast<float>(image.pixels[i * image.channels + c]) * kScale;
    }
  }
}

}  // namespace triage::runtime
