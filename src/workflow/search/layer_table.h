// A table of layer costs, of this machine or a device: measured, taken up where it was, or read. What `triage costs`
// and `triage search` share.
#pragma once

#include "cost/layers/layer_costs.h"
#include "costing/layer_costs.h"
#include "workflow/device/remote_profile.h"

namespace triage::workflow {

struct LayerTableSubject {
  family::AnySpace space;
  plan::InputShape input;
  int classes = 10;
};

// Shape and classes of a data set file.
void use_data(const fs::path& file, LayerTableSubject& subject);
// The supernet of a run or zoo directory; it need not be trained yet. Takes its exits where none were asked for. data:
// a data set file in place of the configuration's, or empty.
LayerTableSubject supernet_subject(const fs::path& directory, const std::string& data, std::vector<int>& exits);

// tuning: the store that tuned kernels take their schedules from. options.stop is the context's. Throws as
// costing::measure_layer_costs(), Error about the devices file.
cost::LayerCostTable measured_layers(const LayerTableSubject& subject, const costing::LayerCostOptions& options,
                                     const fs::path& file, const std::string& tuning, const RemoteProfile& remote,
                                     const Context& context);

// For people: visits of a device's table that its state speaks against.
std::vector<std::string> device_remarks(const cost::LayerCostTable& table);

}  // namespace triage::workflow
