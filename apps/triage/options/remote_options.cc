#include "apps/triage/options/remote_options.h"

namespace triage::cli {

void add_remote_options(CLI::App& app, workflow::RemoteProfile& remote) {
  CLI::Option* const device =
      app.add_option("--device", remote.device, "Measure on this device of the devices file, not on this machine");
  app.add_option("--devices", remote.devices_file, "The devices file (docs/devices.md)")
      ->needs(device)
      ->capture_default_str();
  app.add_flag("--remeasure", remote.remeasure, "Forget what an interrupted measurement left on the device")
      ->needs(device);
}

}  // namespace triage::cli
