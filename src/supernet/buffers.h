// Large short-lived tensors without page faults: memory that a training step frees is kept for the next one. Fresh
// memory costs a fault and a clearing pass per page, which for activations is a sizeable share of a step.
#pragma once

#include <torch/types.h>

namespace triage::supernet {

// An uninitialised CPU tensor [n, channels, height, width], channels last. Thread-safe; the memory goes back to the
// cache with the tensor's last reference.
at::Tensor channels_last_buffer(int n, int channels, int height, int width, at::ScalarType type);

// Uninitialised bytes from the same cache.
at::Tensor byte_buffer(std::size_t bytes);

}  // namespace triage::supernet
