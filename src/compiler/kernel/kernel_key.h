// KernelKey: what a convolution kernel computes, all that its code depends on besides its schedule. A tuning store is
// keyed by it, so every net with such a layer shares what was found.
//
// Maps lie in memory as [height + 2, width + 2, stored channels], channels innermost, with a border of zeros (of the
// grid's zero point in int8). Channels are stored in multiples of kLanes, those of an image in 4.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "plan/arch.h"
#include "plan/precision.h"

namespace triage::compiler {

inline constexpr int kMaxThreads = 64;
inline constexpr int kLanes = 16;  // output channels that a kernel treats as one vector, on every CPU

// 3x3, padding 1, bias, ReLU, [max pool 2x2]; in int8 with requantisation to the next map's grid.
struct KernelKey {
  plan::Precision precision = plan::Precision::fp32;
  int in_channels = 0, out_channels = 0;
  int height = 0, width = 0;  // of the convolution, before a pool
  bool pool = false;
  int threads = 1;  // that share the output out (Schedule::share)

  std::string text() const;                       // "int8 32->64 16x16 pool", "fp32 16->16 32x32 threads 2"
  static KernelKey parse(std::string_view text);  // throws Error
  double macs() const;                            // of the whole map
  auto operator<=>(const KernelKey&) const = default;
};
KernelKey kernel_key(const plan::ConvLayer& layer, plan::Precision precision, int threads);

int stored_channels(int channels);   // of a map in memory; an image's 1 to 4 channels: 4
int written_channels(int channels);  // of a map that a kernel writes: whole vectors

}  // namespace triage::compiler
