// For a LibTorch with CUDA.
#include <ATen/Context.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>

#include <optional>
#include <string>

#include "train/device/step_graph.h"

namespace triage::train {
namespace {

namespace allocator = c10::cuda::CUDACachingAllocator;

constexpr int kPlainSteps = 4;  // before the capture

class CapturedSteps : public StepGraph {
 public:
  CapturedSteps(at::Device device, std::function<void()> work)
      : StepGraph(std::move(work)), stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index())) {
    c10::cuda::getCurrentCUDAStream(device.index()).synchronize();
    guard_.emplace(stream_);
  }
  ~CapturedSteps() override { stream_.synchronize(); }

  void run() override {
    if (steps_ < kPlainSteps) {
      work_();
      ++steps_;
      return;
    }
    if (!captured_) {
      stream_.synchronize();
      allocator::emptyCache();  // the graph has memory of its own, and none is given back during a capture
      // Other threads may go on: one sends batches (sent_images.cc).
      graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
      try {
        work_();
      } catch (const c10::OutOfMemoryError&) {
        graph_.capture_end();
        graph_.reset();
        throw;
      }
      graph_.capture_end();
      captured_ = true;
    }
    graph_.replay();
  }

 private:
  c10::cuda::CUDAStream stream_;
  std::optional<c10::cuda::CUDAStreamGuard> guard_;
  at::cuda::CUDAGraph graph_;
  int steps_ = 0;
  bool captured_ = false;
};

at::DeviceIndex index_of(at::Device device) {
  if (!c10::cuda::CUDACachingAllocator::get()->initialized()) at::empty({1}, at::TensorOptions(device));
  return device.has_index() ? device.index() : c10::cuda::current_device();
}

}  // namespace

std::unique_ptr<StepGraph> StepGraph::make(at::Device device, std::function<void()> work) {
  if (!device.is_cuda()) return std::make_unique<StepGraph>(std::move(work));
  return std::make_unique<CapturedSteps>(at::Device(at::kCUDA, index_of(device)), std::move(work));
}

void choose_algorithms(at::Device device, bool deterministic) {
  if (!device.is_cuda()) return;
  at::globalContext().setDeterministicCuDNN(deterministic);
  at::globalContext().setBenchmarkCuDNN(!deterministic);
}

DeviceMemory device_memory(at::Device device) {
  if (!device.is_cuda()) return {};
  const at::DeviceIndex index = index_of(device);
  const c10::cuda::CUDAGuard guard(index);
  std::size_t free = 0, total = 0;
  if (cudaMemGetInfo(&free, &total) != cudaSuccess) return {};
  const auto stats = allocator::getDeviceStats(index);
  const auto all = [](const auto& figures) { return figures[0]; };  // of small and large blocks together
  const std::uint64_t used = static_cast<std::uint64_t>(all(stats.allocated_bytes).current);
  const std::uint64_t kept = static_cast<std::uint64_t>(all(stats.reserved_bytes).current) - used;
  return {total, free + kept, used, static_cast<std::uint64_t>(all(stats.allocated_bytes).peak)};
}

void reset_peak(at::Device device) {
  if (device.is_cuda()) allocator::resetPeakStats(index_of(device));
}

std::string device_name(at::Device device) {
  return device.is_cuda() ? at::cuda::getDeviceProperties(index_of(device))->name : device.str();
}

at::Tensor to_device(const at::Tensor& host, at::Device device) {
  return device.is_cuda() ? host.pin_memory().to(device, /*non_blocking=*/true) : host.to(device);
}

}  // namespace triage::train
