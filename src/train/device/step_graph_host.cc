// For a LibTorch without CUDA.
#include "train/device/step_graph.h"

namespace triage::train {
namespace {

class PlainSteps : public StepGraph {
 public:
  explicit PlainSteps(std::function<void()> work) : work_(std::move(work)) {}
  void run() override { work_(); }

 private:
  std::function<void()> work_;
};

}  // namespace

std::unique_ptr<StepGraph> StepGraph::make(at::Device, std::function<void()> work) {
  return std::make_unique<PlainSteps>(std::move(work));
}

void choose_algorithms(at::Device, bool) {}
DeviceMemory device_memory(at::Device) { return {}; }
void reset_peak(at::Device) {}
std::string device_name(at::Device device) { return device.str(); }
at::Tensor to_device(const at::Tensor& host, at::Device device) { return host.to(device); }

}  // namespace triage::train
