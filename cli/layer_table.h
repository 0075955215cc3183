// A table of layer costs, of this machine or a device: measured, taken up where it was, or read. What `triage costs`
// and `triage search` share.
#pragma once

#include "cli/remote_profile.h"
#include "plan/layer_costs.h"
#include "profile/layer_costs.h"

namespace triage::cli {

struct LayerTableSubject {
  plan::SearchSpace space;
  plan::InputShape input;
  int classes = 10;
};

// Shows progress and what a device says. Throws as profile::measure_layer_costs(), Error about the devices file.
plan::LayerCostTable measured_layers(const LayerTableSubject& subject, const profile::LayerCostOptions& options,
                                     const fs::path& file, const RemoteProfile& remote = {});

// On stderr: visits of a device's table that its state speaks against.
void print_device_remarks(const plan::LayerCostTable& table);

}  // namespace triage::cli
