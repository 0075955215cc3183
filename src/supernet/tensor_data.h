// How kernels see CPU tensors.
#pragma once

#include <torch/types.h>

namespace triage::supernet {

inline at::Tensor channels_last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

// T: as the kernels name the tensor's type (bf16 is std::uint16_t).
template <class T>
T* data(const at::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

}  // namespace triage::supernet
