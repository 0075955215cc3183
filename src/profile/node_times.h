// Times of a stage's layers from ONNX Runtime's own profile of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plan/arch.h"
#include "profile/temporary_directory.h"

namespace triage::profile {

// profile: the JSON that ONNX Runtime wrote; its nodes bear the names of export/stage_model.h, with endings of the
// engine's own. layers: of the profiled stage. skip: runs at the beginning that do not count. The result is the mean of
// each layer over the other runs, µs: its convolution and pool and the changes of memory layout that they bring along.
// Throws Error naming `origin`, and the node or the layer, when the runs are not all there or a layer's convolution is
// not.
std::vector<double> layer_times(std::string_view profile, const std::vector<plan::ConvLayer>& layers, std::size_t skip,
                                const std::string& origin);

// A directory for the profiles of one session after another, removed in the end.
class ProfileDirectory {
 public:
  std::string prefix() const { return (directory_.path() / "run").string(); }  // runtime::OnnxOptions::profile
  std::string take();  // the one profile in it, which is removed; to be called when its session is gone

 private:
  TemporaryDirectory directory_{"profile"};
};

}  // namespace triage::profile
