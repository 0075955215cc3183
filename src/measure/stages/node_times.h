// Times of a stage's layers from ONNX Runtime's own profile of it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/files/temporary.h"
#include "cost_tables/cost_table.h"

namespace triage::measure {

// profile: the JSON that ONNX Runtime wrote. skip: runs at the beginning that do not count. Every node's mean over the
// other runs, in the order of the graph. Throws Error naming `origin` and the node when its runs are not all there.
std::vector<cost::NodeTime> node_times(std::string_view profile, std::size_t skip, const std::string& origin);

// How the nodes of a layer are called in a stage's file, endings of the engine's own ("/relu_nchwc") left out.
struct LayerNodes {
  std::string name;                // of the layer, for messages
  std::vector<std::string> main;   // its convolution, product or sum: one of them has to be there
  std::vector<std::string> other;  // its pool, say
  int convolutions = 1;            // among the main ones
};

// layers: of the profiled stage, in order. The result is µs of each layer: its nodes and the changes of memory layout
// that they bring along. Throws Error naming `origin` and the layer when no main node of it is there.
std::vector<double> layer_times(std::span<const cost::NodeTime> nodes, const std::vector<LayerNodes>& layers,
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
