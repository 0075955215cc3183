// Large tensors without page faults: memory that a training step frees is kept for the next one. Fresh memory costs a
// fault and a clearing pass per page, which for activations is a sizeable share of a step (docs/training.md).
#pragma once

#include <torch/types.h>

namespace triage::supernet {

// From now on LibTorch keeps the memory of the CPU tensors of this process that are larger than 1 MiB, in huge pages
// where Linux has them, and gives it to later tensors of about that size. More than 1 GiB that nothing uses goes back
// to the system with the next tensor that nothing kept fits. Once is enough; may be called again, by any thread.
void reuse_tensor_memory();

// An uninitialised CPU tensor [n, channels, height, width], channels last.
at::Tensor channels_last_buffer(int n, int channels, int height, int width, at::ScalarType type);

}  // namespace triage::supernet
