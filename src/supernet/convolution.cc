#include "supernet/convolution.h"

#include <algorithm>

namespace triage::supernet {
namespace {

// From bench/conv3x3_bench on Zen 4: the transforms pay from about these widths on.
constexpr int kWinogradWidth = 16;         // forward and backward-data
constexpr int kWinogradWeightsWidth = 32;  // backward-weights

bool at_least(const Conv3x3Shape& shape, int width) {
  return std::min(shape.in_channels, shape.out_channels) >= width && std::min(shape.height, shape.width) > 1;
}

}  // namespace

void convolution_forward(const Conv3x3Shape& shape, const bf16* x, const float* weight, bf16* y) {
  (at_least(shape, kWinogradWidth) ? conv3x3_winograd_forward : conv3x3_forward)(shape, x, weight, y);
}

void convolution_backward_data(const Conv3x3Shape& shape, const bf16* dy, const float* weight, bf16* dx) {
  (at_least(shape, kWinogradWidth) ? conv3x3_winograd_backward_data : conv3x3_backward_data)(shape, dy, weight, dx);
}

void convolution_backward_weights(const Conv3x3Shape& shape, const bf16* x, const bf16* dy, float* dweight) {
  const bool winograd = at_least(shape, kWinogradWeightsWidth);
  (winograd ? conv3x3_winograd_backward_weights : conv3x3_backward_weights)(shape, x, dy, dweight);
}

}  // namespace triage::supernet
