#include "remote/ssh.h"

#include <algorithm>
#include <array>

namespace triage::remote {
namespace {

constexpr int kSshFailed = 255;  // ssh's own exit code, not the command's
constexpr int kAliveCount = 3;   // unanswered questions until ssh gives the connection up
constexpr std::size_t kMaxShown = 400;

using Words = std::initializer_list<std::string_view>;

bool says(const std::string& text, Words words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

std::string last_words(std::string text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.pop_back();
  if (text.size() > kMaxShown) text = "..." + text.substr(text.size() - kMaxShown);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return text;
}

std::string hint(DeviceProblem problem) {
  switch (problem) {
    case DeviceProblem::missing_library:
      return "; install ONNX Runtime there (docs/devices.md)";
    case DeviceProblem::timeout:
      return "no sign of life";
    default:
      return "";
  }
}

}  // namespace

std::string to_string(DeviceProblem problem) {
  static constexpr std::array kNames = {"unreachable",        "connection lost", "timeout",   "permission denied",
                                        "wrong architecture", "library missing", "disk full", "failed"};
  return kNames[static_cast<std::size_t>(problem)];
}

std::string shell_quote(std::string_view word) {
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::optional<DeviceProblem> problem_of(const ProcessResult& result) {
  const std::string& errors = result.errors;
  if (result.silent) return DeviceProblem::timeout;
  if (result.exit_code == 0) return std::nullopt;
  if (result.exit_code == kSshFailed) {
    if (says(errors, {"Permission denied (", "Host key verification failed", "Too many authentication failures"})) {
      return DeviceProblem::permission;
    }
    if (says(errors, {"Bad configuration option", "usage: ssh", "keyword", "command-line line"})) {
      return DeviceProblem::failed;
    }
    const bool never_there = says(errors, {"Could not resolve hostname", "connect to host", "No route to host",
                                           "Network is unreachable", "Connection timed out during banner exchange"});
    return never_there ? DeviceProblem::unreachable : DeviceProblem::vanished;
  }
  if (says(errors, {"No space left on device", "Disk quota exceeded"})) return DeviceProblem::disk_full;
  if (says(errors, {"error while loading shared libraries"})) return DeviceProblem::missing_library;
  if (says(errors, {"Exec format error", "cannot execute binary file"})) return DeviceProblem::wrong_architecture;
  if (says(errors, {"Permission denied", "Operation not permitted", "Read-only file system"})) {
    return DeviceProblem::permission;
  }
  return DeviceProblem::failed;
}

std::vector<std::string> Ssh::command(const SshCall& call) const {
  const int seconds = std::max(1, static_cast<int>(device_.timeout_seconds));
  std::vector<std::string> command = {"ssh", "-T"};
  if (device_.port != 0) command.insert(command.end(), {"-p", std::to_string(device_.port)});
  if (!device_.identity_file.empty()) command.insert(command.end(), {"-i", device_.identity_file.string()});
  command.insert(command.end(), device_.ssh_options.begin(), device_.ssh_options.end());  // the first value counts
  for (const std::string& option :
       {std::string("BatchMode=yes"), std::string("LogLevel=ERROR"), std::format("ConnectTimeout={}", seconds),
        std::format("ServerAliveInterval={}", std::max(1, seconds / (kAliveCount + 1))),
        std::format("ServerAliveCountMax={}", kAliveCount)}) {
    command.insert(command.end(), {"-o", option});
  }
  std::string line = "exec sh -c " + shell_quote(call.script) + " triage";
  for (const std::string& argument : call.arguments) line += " " + shell_quote(argument);
  command.insert(command.end(), {"--", device_.ssh, line});
  return command;
}

std::string Ssh::run(const SshCall& call) const {
  const ProcessResult result = run_process({.command = command(call),
                                            .input = call.input,
                                            .input_file = call.input_file,
                                            .silence_seconds = device_.timeout_seconds,
                                            .on_output = call.on_output,
                                            .stop = call.stop});
  const std::optional<DeviceProblem> problem = problem_of(result);
  if (!problem) return result.output;
  std::string details = last_words(result.errors) + hint(*problem);
  if (details.empty()) details = std::format("exit code {}", result.exit_code);
  const std::string message = std::format("{}: {}: {}: {}", name(), call.doing, to_string(*problem), details);
  if (*problem <= DeviceProblem::timeout) throw DeviceVanished(*problem, message);
  throw DeviceError(*problem, message);
}

}  // namespace triage::remote
