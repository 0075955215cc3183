// What both implementations of LayerOps take from ATen.
#pragma once

#include <torch/types.h>

#include <algorithm>

namespace triage::supernet {

inline at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight) {
  return at::conv2d(x, weight.to(x.scalar_type()), {}, 1, 1);
}

// The channels that an identity beside a layer of these weights passes on.
inline std::int64_t passed(const at::Tensor& weight) { return std::min(weight.size(0), weight.size(1)); }

// y += x on those channels.
inline void add_identity(const at::Tensor& y, const at::Tensor& x, std::int64_t channels) {
  y.narrow(1, 0, channels).add_(x.narrow(1, 0, channels));
}

}  // namespace triage::supernet
