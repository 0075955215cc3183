// LayerBench: where the nets of a layer table are timed. This machine, another device, a fake in tests.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cost_tables/measured_on.h"
#include "costing/layer_costs.h"
#include "engine/session.h"
#include "remote/remote.h"

namespace triage::costing {

struct LayerVisits {  // some of a measurement's visits, in order
  std::span<const LayerCostSubject> subjects;
  std::uint64_t first = 0;          // the number of the first one in the whole measurement
  measure::MeasureOptions measure;  // of each
};

struct LayerVisitTimes {
  std::vector<double> layers_us;  // of a profiled subject: its layers in order
  double whole_us = 0;            // of any other
  std::uint64_t runs = 0;
  std::string unstable_because;  // the device's state; empty: nothing speaks against it
};

struct LayerVisitAnswer {
  cost::MeasuredOn on;
  std::vector<LayerVisitTimes> times;  // one for each subject
  Json states = Json::array();         // of the device meanwhile, as in a cost table
};

class LayerBench {
 public:
  virtual ~LayerBench() = default;
  virtual std::string device() const = 0;
  virtual std::optional<cost::MeasuredOn> known() const = 0;  // before the first visit; a remote device has to be asked
  virtual std::size_t max_visits() const = 0;                 // of one call
  // done: how many of these are. Throws what measuring throws; the same call again goes on where that is possible.
  virtual LayerVisitAnswer visit(const LayerVisits& visits, const std::function<void(std::size_t done)>& done) = 0;
};

// How this machine opens a net; profile: as engine::SessionOptions::profile.
struct NetEngine {
  std::string version;
  std::function<std::unique_ptr<engine::Session>(const std::string& onnx, const std::string& name,
                                                 const std::string& profile)>
      open;
};
NetEngine onnx_engine(const LayerCostOptions& options);

std::unique_ptr<LayerBench> layer_bench_here(const plan::InputShape& input, int classes,
                                             const LayerCostOptions& options, NetEngine engine);

// The nets' files are made here and measured there (remote.h). call.progress is not used; call.fresh counts for the
// first call. visit() throws DeviceVanished and DeviceError.
std::unique_ptr<LayerBench> layer_bench_on(remote::Device device, const plan::InputShape& input, int classes,
                                           const LayerCostOptions& options, remote::RemoteCall call);

}  // namespace triage::costing
