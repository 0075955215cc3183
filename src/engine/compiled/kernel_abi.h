// The binary interface of a kernel: Halide's (halide_buffer_t, HalideRuntime.h of Halide 19), restated so that the
// runtime builds where Halide is not installed. src/compiler holds the two together with static assertions.
#pragma once

#include <cstdint>

namespace triage::engine {

struct KernelDimension {
  std::int32_t min = 0, extent = 0, stride = 0;  // stride: in elements
  std::uint32_t flags = 0;
};

struct KernelBuffer {
  std::uint64_t device = 0;
  const void* device_interface = nullptr;
  std::uint8_t* host = nullptr;  // the element at every dimension's min
  std::uint64_t flags = 0;
  std::uint8_t type_code = 0;  // 0: signed integer, 1: unsigned, 2: floating point
  std::uint8_t type_bits = 0;
  std::uint16_t type_lanes = 1;
  std::int32_t dimensions = 0;
  KernelDimension* dim = nullptr;
  void* padding = nullptr;
};

using Kernel = int (*)(void** arguments);  // of KernelBuffer*; 0: done. Thread-safe

}  // namespace triage::engine
