// The work of one training step on a device, done many times without a word from the host.
//
// On a GPU the work is captured: after a few steps that run as they are (in which libraries choose their algorithms and
// allocate), it is recorded once as a graph, and every later step is one launch of that graph. What changes from step
// to step must therefore be read from tensors on the device. On other devices every step runs as it is.
// step_graph_cuda.cc or step_graph_host.cc, whichever this LibTorch can have (CMakeLists.txt).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace triage::train {

class StepGraph {
 public:
  // All work of this thread goes to one stream of `device` until the graph is gone.
  static std::unique_ptr<StepGraph> make(at::Device device, std::function<void()> work);
  explicit StepGraph(std::function<void()> work) : work_(std::move(work)) {}  // every step as it is
  virtual ~StepGraph() = default;
  virtual void run() { work_(); }

 protected:
  std::function<void()> work_;
};

// Has libraries choose the fastest algorithms by trying them, or those alone that give the same bits every time.
void choose_algorithms(at::Device device, bool deterministic);

struct DeviceMemory {
  std::uint64_t total = 0, free = 0;  // bytes; free: also what this process keeps unused
  std::uint64_t used = 0, peak = 0;   // by this process's tensors; the most since reset_peak()
};
DeviceMemory device_memory(at::Device device);
void reset_peak(at::Device device);

std::string device_name(at::Device device);  // "NVIDIA H200"; "cpu"

// A copy on `device` that the host does not wait for; from pinned memory on a GPU.
at::Tensor to_device(const at::Tensor& host, at::Device device);

}  // namespace triage::train
