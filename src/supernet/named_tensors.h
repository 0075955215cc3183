// A flat list of named tensors: how networks, optimisers and averages hand over their state.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

namespace triage::supernet {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};
using NamedTensors = std::vector<NamedTensor>;

// Copies `source` into `target` in place, name by name, across devices. The names and shapes must be the same set in
// the same order; an Error says `origin`, the name, what was found and what was expected, and nothing is copied.
void copy_state(const NamedTensors& target, const NamedTensors& source, const std::string& origin);

// Independent copies on the CPU, contiguous.
NamedTensors clone_state(const NamedTensors& tensors);

}  // namespace triage::supernet
