// The options of profile and costs that choose another device.
#pragma once

#include <CLI/CLI.hpp>

#include "workflow/device/remote_profile.h"

namespace triage::cli {

void add_remote_options(CLI::App& app, workflow::RemoteProfile& remote);  // --device, --devices, --remeasure

}  // namespace triage::cli
