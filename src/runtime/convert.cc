#include "runtime/convert.h"

#include "engine/status.h"
#include "runtime/image_kernels.h"

namespace triage::runtime {

void to_input(const ImageView& image, float* output) {
  const std::size_t count = static_cast<std::size_t>(image.height) * image.width;
  if (image.channels == 1) return image_kernels().grey(image.pixels, count, output);
  if (image.channels == 3) return image_kernels().colour(image.pixels, count, output);
  for (int c = 0; c < image.channels; ++c) {
    for (std::size_t i = 0; i < count; ++i) {
      output[c * count + i] = static_cast<float>(image.pixels[i * image.channels + c]) * kPixelScale;
    }
  }
}

void require_shape(const plan::InputShape& found, const plan::InputShape& expected, const std::string& what) {
  if (found == expected) return;
  engine::fail_with(ErrorCode::bad_input, "{}: found {}x{}x{}, expected {}x{}x{} (height x width x channels)", what,
                    found.height, found.width, found.channels, expected.height, expected.width, expected.channels);
}

}  // namespace triage::runtime
