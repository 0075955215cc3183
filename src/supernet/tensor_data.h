// How kernels see CPU tensors.
#pragma once

#include <torch/types.h>

#include "supernet/kernels/conv3x3_bf16.h"

namespace triage::supernet {

inline at::Tensor channels_last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

// T: as the kernels name the tensor's type (bf16 is std::uint16_t).
template <class T>
T* data(const at::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

// Calls body(a value of that type).
template <class Body>
auto with_type(const at::Tensor& x, const Body& body) {
  if (x.scalar_type() == at::kBFloat16) return body(bf16{});
  TORCH_CHECK(x.scalar_type() == at::kFloat, "expected bf16 or fp32 activations, found ", x.scalar_type());
  return body(float{});
}

}  // namespace triage::supernet
