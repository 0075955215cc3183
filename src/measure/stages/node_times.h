// Times of a stage's layers from ONNX Runtime's own profile of it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/files/temporary.h"
#include "cost/cost_table.h"
#include "plan/arch.h"

namespace triage::measure {

// profile: the JSON that ONNX Runtime wrote. skip: runs at the beginning that do not count. Every node's mean over the
// other runs, in the order of the graph. Throws Error naming `origin` and the node when its runs are not all there.
std::vector<cost::NodeTime> node_times(std::string_view profile, std::size_t skip, const std::string& origin);

// layers: of the profiled stage. Nodes bear the names of export/stage_model.h, with endings of the engine's own. The
// result is µs of each layer: its convolution and pool and the changes of memory layout that they bring along. Throws
// Error naming `origin` and the layer when its convolution is not there.
std::vector<double> layer_times(std::span<const cost::NodeTime> nodes, const std::vector<plan::ConvLayer>& layers,
                                const std::string& origin);

// A directory for the profiles of one session after another, removed in the end.
class ProfileDirectory {
 public:
  std::string prefix() const { return (directory_.path() / "run").string(); }  // engine::SessionOptions::profile
  std::string take();  // the one profile in it, which is removed; to be called when its session is gone

 private:
  TemporaryDirectory directory_{"profile"};
};

}  // namespace triage::measure
