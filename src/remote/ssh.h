// Commands on a device over OpenSSH, and what goes wrong with them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/system/process.h"
#include "remote/devices.h"

namespace triage::remote {

enum class DeviceProblem {
  unreachable,         // no connection could be made
  vanished,            // the connection was lost
  timeout,             // no sign of life for Device::timeout_seconds
  permission,          // of the login or of a file there
  wrong_architecture,  // of the device or of the program
  missing_library,     // ONNX Runtime, as a rule
  disk_full,
  failed,  // anything else
};
std::string to_string(DeviceProblem problem);

struct DeviceError : Error {
  DeviceError(DeviceProblem kind, const std::string& message) : Error(message), problem(kind) {}
  DeviceProblem problem;
};

// unreachable, vanished or timeout: nothing is wrong with what was asked. What the device has measured stays there, so
// the same call goes on when the device is back.
struct DeviceVanished : DeviceError {
  using DeviceError::DeviceError;
};

std::string shell_quote(std::string_view word);  // one word for any shell that knows '...'

// The problem behind an ended ssh, judged by its exit code and its error messages; nothing where there is none.
std::optional<DeviceProblem> problem_of(const ProcessResult& result);

struct SshCall {
  std::string doing;                   // "checking it", for messages
  std::string script;                  // for sh(1); its $1, $2, ... are
  std::vector<std::string> arguments;  // which need no quoting
  std::string input;
  std::optional<fs::path> input_file;
  std::function<void(std::string_view)> on_output;
  StopToken stop;
};

class Ssh {
 public:
  explicit Ssh(Device device) : device_(std::move(device)) {}

  // What the script printed. Blocks; throws DeviceError or DeviceVanished naming the device, Interrupted.
  std::string run(const SshCall& call) const;
  const Device& device() const { return device_; }
  std::string name() const { return device_.name + " (" + device_.ssh + ")"; }

 private:
  std::vector<std::string> command(const SshCall& call) const;
  Device device_;
};

}  // namespace triage::remote
