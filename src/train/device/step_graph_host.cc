// For a LibTorch without CUDA.
#include "train/device/step_graph.h"

namespace triage::train {

std::unique_ptr<StepGraph> StepGraph::make(at::Device, std::function<void()> work) {
  return std::make_unique<StepGraph>(std::move(work));
}

void choose_algorithms(at::Device, bool) {}
DeviceMemory device_memory(at::Device) { return {}; }
void reset_peak(at::Device) {}
std::string device_name(at::Device device) { return device.str(); }
at::Tensor to_device(const at::Tensor& host, at::Device device) { return host.to(device); }

}  // namespace triage::train
