#include "workflow/device/remote_profile.h"

#include <set>

#include "core/progress.h"
#include "remote/devices.h"
#include "remote/remote.h"

namespace triage::workflow {

cost::CostTable measure_remotely(const RemoteProfile& remote, const fs::path& plan_directory, measure::Images images,
                                 const measure::ProfileOptions& options, const std::string& energy,
                                 const Context& context) {
  if (energy.starts_with("csv:")) {
    throw UsageError("--energy-source: expected a source of the device, found a meter's file on this machine");
  }
  const std::vector<remote::Device> devices = remote::load_devices(remote.devices_file);
  const remote::RemoteDevice device(remote::find_device(devices, remote.device, remote.devices_file));
  Progress progress(context, "profile " + remote.device, 0, "rows");
  const auto show = [&](const measure::JobProgress& at) {
    progress.update(at.rows_done,
                    at.waiting ? "another measurement runs there" : std::format("of {}, round {}", at.rows, at.round));
  };
  cost::CostTable table = device.measure_plan(plan_directory, images, {.profile = options, .energy = energy},
                                              {.fresh = remote.remeasure,
                                               .progress = show,
                                               .say = [&](const std::string& text) { progress.line(text); },
                                               .stop = context.stop});
  progress.finish();
  return table;
}

std::vector<std::string> device_remarks(const cost::CostTable& table) {
  std::set<std::string> reasons;
  for (const cost::CostSample& entry : table.entries) reasons.insert(entry.unstable_because);
  std::vector<std::string> remarks;
  for (const std::string& reason : reasons) {
    if (!reason.empty()) remarks.push_back(std::format("profile: {}: rows are not stable: {}", table.device, reason));
  }
  return remarks;
}

}  // namespace triage::workflow
