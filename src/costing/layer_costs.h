// Measures cost::LayerCostTable: every layer of a search space in the middle of whole nets, and some stages as wholes.
//
// Layers are timed by ONNX Runtime's profiler in as few nets as hold them all (covering.h); no layer runs alone, so no
// time is spent on bringing its input into the engine's layout. Stages are timed as the runtime runs them
// (stage_runner.h), without the profiler. Every net is visited once in each pass, in random order, all kinds mixed, so
// that a drift of the machine hits all alike; the median over passes and nets counts. Weights are random.
#pragma once

#include <functional>

#include "core/context.h"
#include "cost/layers/layer_costs.h"
#include "engine/names.h"
#include "family/any_space.h"

namespace triage::costing {

class LayerBench;

struct LayerCostOptions {
  plan::Precision precision = plan::Precision::fp32;
  std::string provider = engine::kCpu;  // of the engine: cpu, xnnpack
  int threads = 1;                      // of the engine
  int passes = 3;                       // over all nets
  int cover = 2;                        // nets that every layer is in, at least
  int whole_nets = 60;                  // measured whole, of all sizes; every other one is held out
  int cut_stages = 24;      // measured: up to an exit, the same with its map handed over, and from there to the end
  std::vector<int> exits;   // sections behind which stages are cut; empty: all but the first and the last
  double seconds = 90;      // of timed runs in all; opening the nets comes on top
  int min_runs = 200;       // of every net, over all passes, however long that takes
  double save_seconds = 5;  // between two states on disk
  std::uint64_t seed = 1;
  StopToken stop;
};

cost::CostKey key_of(const LayerCostOptions& options);  // what layer_costs_name() names the table after

using LayerCostProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// On this machine, or where the bench is (layer_bench.h). file: where the table is kept. An unfinished one is taken up,
// a finished one returned, for which no device is asked; one that was asked for with other options, or on another
// device, is refused. progress gets how many visits of how many are done, first at the beginning. Throws Interrupted
// when it is to stop, DeviceError and DeviceVanished of the bench: the file has what was measured until then,
// and the same call goes on.
cost::LayerCostTable measure_layer_costs(const family::AnySpace& space, const plan::InputShape& input, int classes,
                                         const LayerCostOptions& options, const fs::path& file,
                                         const LayerCostProgress& progress = {});
cost::LayerCostTable measure_layer_costs(const family::AnySpace& space, const plan::InputShape& input, int classes,
                                         const LayerCostOptions& options, const fs::path& file, LayerBench& bench,
                                         const LayerCostProgress& progress = {});

// What it measures. profiled: its layers, else as a whole.
struct LayerCostSubject {
  cost::Segment segment;
  bool profiled = false, held_out = false;
};
std::vector<LayerCostSubject> layer_cost_subjects(const family::AnySpace& space, const plan::InputShape& input,
                                                  const LayerCostOptions& options);

}  // namespace triage::costing
