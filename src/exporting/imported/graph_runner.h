// Runs of a graph over the calibration images, and how much two of them differ.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "exporting/onnx_engine.h"
#include "model/graph.h"

namespace triage::exporting {

inline constexpr int kQdqOpset = 13;  // the first with scales by channel
std::string quantized_bytes(const model::Graph& graph);

struct CalibrationImages {
  std::span<const float> values;  // [count, size]
  std::size_t count = 0;
  int batch = 8, threads = 1;

  CalibrationImages first(std::size_t images) const;
};

// use(outputs by name, images of this batch) for every batch: the values `wanted` of the graph, which become its
// outputs. A graph of a fixed batch is given whole ones; outputs of images that fill the last one up are not counted.
void run_graph(const model::Graph& graph, const std::vector<model::ValueId>& wanted, const CalibrationImages& images,
               const std::function<void(const NamedOutputs&, std::size_t images)>& use);

// Signal and noise, summed up.
struct SignalToNoise {
  double signal = 0, noise = 0;
  void add(std::span<const float> reference, std::span<const float> values);
  double db() const;  // 200 at most: no difference
};

}  // namespace triage::exporting
