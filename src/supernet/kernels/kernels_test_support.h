// What tests of kernels share.
#pragma once

#include <bit>
#include <cmath>
#include <type_traits>
#include <vector>

#include "core/rng.h"
#include "supernet/kernels/conv3x3_bf16.h"

namespace triage::supernet {

inline double value(float v) { return v; }
inline double value(bf16 v) { return std::bit_cast<float>(std::uint32_t(v) << 16); }

// Normal; of bf16 without the lower bits.
template <class T>
std::vector<T> random_values(std::size_t count, Rng& rng) {
  std::vector<T> values(count);
  for (T& v : values) {
    const float f = static_cast<float>(rng.normal());
    if constexpr (std::is_same_v<T, bf16>) {
      v = static_cast<bf16>(std::bit_cast<std::uint32_t>(f) >> 16);
    } else {
      v = f;
    }
  }
  return values;
}

// In double, and that of the magnitudes, which bounds what rounding does.
struct Sum {
  double value = 0, magnitude = 0;
  void add(double term) {
    value += term;
    magnitude += std::abs(term);
  }
};

}  // namespace triage::supernet
