#include "workflow/device/remote_profile.h"

#include <cstdio>
#include <set>

#include "core/progress.h"
#include "remote/devices.h"
#include "remote/remote.h"

namespace triage::workflow {

cost::CostTable measure_remotely(const RemoteProfile& remote, const fs::path& plan_directory,
                                 const measure::Images& images, const measure::ProfileOptions& options,
                                 const std::string& energy) {
  if (energy.starts_with("csv:")) {
    throw UsageError("--energy-source: expected a source of the device, found a meter's file on this machine");
  }
  const std::vector<remote::Device> devices = remote::load_devices(remote.devices_file);
  const remote::RemoteDevice device(remote::find_device(devices, remote.device, remote.devices_file));
  Progress progress("profile " + remote.device, 0, "rows");
  const auto show = [&](const measure::JobProgress& at) {
    progress.update(at.rows_done,
                    at.waiting ? "another measurement runs there" : std::format("of {}, round {}", at.rows, at.round));
  };
  cost::CostTable table = device.measure_plan(
      plan_directory, images, {.profile = options, .energy = energy},
      {.fresh = remote.remeasure, .progress = show, .say = [&](const std::string& text) { progress.line(text); }});
  progress.finish();
  return table;
}

void print_device_remarks(const cost::CostTable& table) {
  std::set<std::string> reasons;
  for (const cost::CostSample& entry : table.entries) reasons.insert(entry.unstable_because);
  for (const std::string& reason : reasons) {
    if (!reason.empty())
      std::fprintf(stderr, "profile: %s: rows are not stable: %s\n", table.device.c_str(), reason.c_str());
  }
}

}  // namespace triage::workflow
