// Measuring a plan, here or on another device.
#pragma once

#include "data/held_images.h"
#include "workflow/device/energy_choice.h"
#include "workflow/device/remote_profile.h"

namespace triage::workflow {

struct ProfileRequest {
  std::string images = "test";  // which of the data set's: test, train
  RemoteProfile remote;
  EnergyChoice energy;
  measure::ProfileOptions options;  // less the energy, which comes from `energy`
  bool memory = false;              // peak memory of every path, too; of this machine alone
};

// Up to 512 images in a seeded order, fewer where they are large photographs; labels are not looked at. Test images are
// what a plan meets: on images a net was trained on it is surer of itself and escalates less. The data set outlives
// them. Throws Error where there are none.
data::HeldImages profiled_images(const data::Dataset& dataset, const std::string& split);

// Throws Error before anything is measured where the data set's images are not as the plan takes them.
cost::CostTable profile_run(const fs::path& plan, const data::Dataset& dataset, const ProfileRequest& request,
                            const Context& context);

}  // namespace triage::workflow
