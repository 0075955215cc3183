// What a network costs by its shapes alone: multiply-accumulates, parameters, bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/graph.h"

namespace triage::model {

struct NodeCount {
  std::string node, op;
  std::int64_t macs = 0;
};

// Of one image. Convolutions and matrix products are counted, also those in integers; nothing else is.
struct Counts {
  std::int64_t macs = 0;
  // Numbers in constants of more than one element that nodes read as weights: what is real, and integers with a scale.
  // None are: scales and zero points, and what an input is normalised by (sums and products of it with constants).
  std::int64_t parameters = 0;
  std::int64_t weight_bytes = 0;  // of the parameters, as the file keeps them, and the scales of those in 8 bits
  std::int64_t peak_activation_bytes = 0;  // largest sum of values alive at once, the nodes run in order, none in place
  std::vector<NodeCount> nodes;            // with macs, in order
  std::vector<std::string> not_counted;    // nodes whose cost is not known: opaque ones, products of unknown sizes
};

// A graph whose batch is free is counted at 1; one whose batch is fixed at N, in Nths. Where nodes are not counted,
// macs and bytes are what is known of them.
Counts count(const Graph& graph);

}  // namespace triage::model
