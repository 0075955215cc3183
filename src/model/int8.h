// Numbers in 8 bits, and the arithmetic that all engines share.
//
// real = scale * (q - zero) (B. Jacob et al., CVPR 2018). A map has one scale and zero point, q from 0 to 255; weights
// have a scale for every output channel and no zero point, q from -127 to 127; a bias is a 32-bit integer in units of
// map scale times weight scale. Sums are exact, in 32 bits. What leaves a convolution is sum * (map scale * weight
// scale / next map's scale) in fp32, rounded to even, plus the next zero point, clamped: its ReLU is part of that.
//
// Maps are unsigned, as x86's dot products of 4 want them. ONNX Runtime's signed kernels are 15 to 90 times slower
// there; it turns signed maps into unsigned ones by itself, but only those with one reader, so not those at an early
// exit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace triage::model {

struct Grid {  // the values that a map can take
  float scale = 1;
  int zero = 0;
  std::uint8_t nearest(float value) const;
  float value(std::uint8_t q) const { return scale * static_cast<float>(q - zero); }
  bool operator==(const Grid&) const = default;
};

// The grid over [low, high], widened where needed so that 0, which pads every map, is one of its values.
Grid grid_over(double low, double high);

struct IntegerWeights {
  std::vector<std::int8_t> weight;  // [out, in, 3, 3]
  std::vector<float> scale;         // [out]
  std::vector<std::int32_t> bias;   // [out]
  bool operator==(const IntegerWeights&) const = default;
};

// weight: [out, in, 3, 3] (or any other taps); bias: [out]; input: the grid of the map it reads. largest: of the
// weights' integers.
inline constexpr int kLargestWeight = 127;
// Two products with integers up to 255 fit into 16 bits: CPUs without VNNI then need not add them one by one to be
// exact, and ONNX Runtime sees that.
inline constexpr int kLargestWeightOfPairs = 64;
IntegerWeights round_weights(std::span<const float> weight, std::span<const float> bias, const Grid& input,
                             int largest = kLargestWeight);

}  // namespace triage::model
