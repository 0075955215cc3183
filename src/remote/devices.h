// devices.toml: the devices that costs can be measured on (docs/devices.md).
#pragma once

#include <string>
#include <vector>

#include "core/files/file.h"

namespace triage::remote {

struct Device {
  std::string name;
  std::string ssh;                               // the target, as for ssh(1)
  int port = 0;                                  // 0: what ssh's own configuration says
  std::string architecture;                      // x86_64 or aarch64, as `uname -m` says
  std::vector<int> cores;                        // measure on these; empty: all
  int priority = 0;                              // of the measuring process, as for nice(1)
  std::string work_directory = ".cache/triage";  // there; relative to the login directory
  fs::path program;                              // triage-measure for its architecture, here
  fs::path identity_file;                        // empty: what ssh finds itself
  std::vector<std::string> ssh_options;          // more arguments of ssh, before the target
  double timeout_seconds = 60;                   // without a sign of life
  int retries = 3;                               // after the device went away, without a new row in between
  double retry_seconds = 1;                      // before the first of them; each waits twice as long, at most 30 s
};

// In the file's order, which is the order of preference. Relative paths of `program` and `identity_file` start at the
// file's folder. Throws Error naming file, line, field, found and expected.
std::vector<Device> load_devices(const fs::path& file);
std::vector<Device> parse_devices(std::string_view text, const fs::path& file);

// Throws Error naming the devices there are.
const Device& find_device(const std::vector<Device>& devices, const std::string& name, const fs::path& file);

}  // namespace triage::remote
