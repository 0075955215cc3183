// Measuring on another device.
#pragma once

#include <string>

#include "cost_tables/cost_table.h"
#include "measure/stages/stages.h"

namespace triage::workflow {

struct RemoteProfile {
  std::string device;  // empty: this machine
  std::string devices_file = "devices.toml";
  bool remeasure = false;
};

// energy: a source on the device, as for measure::Job; empty: not wanted.
cost::CostTable measure_remotely(const RemoteProfile& remote, const fs::path& plan_directory, measure::Images images,
                                 const measure::ProfileOptions& options, const std::string& energy,
                                 const Context& context);

// For people: what the device did while rows were measured that do not count therefore.
std::vector<std::string> device_remarks(const cost::CostTable& table);

}  // namespace triage::workflow
