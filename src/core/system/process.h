// Running another program, without a shell in between.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/context.h"
#include "core/files/file.h"

namespace triage {

struct ProcessOptions {
  std::vector<std::string> command;  // the program, looked for in PATH, and its arguments
  std::string input;                 // what it reads; or
  std::optional<fs::path> input_file;
  double silence_seconds = 60;  // without a byte read, printed or said: it is killed, with its children
  std::function<void(std::string_view)> on_output;  // gets what it prints, as it comes; else ProcessResult::output
  StopToken stop;
};

struct ProcessResult {
  int exit_code = 0;           // 128 + signal when one ended it
  int signal = 0;              // that one
  bool silent = false;         // it was killed for that
  std::string output, errors;  // of errors the last 64 KiB
};

// Blocks until it ends. Throws Error when it cannot be started, Interrupted when it is to stop (it is killed),
// and what on_output throws (it is killed).
ProcessResult run_process(const ProcessOptions& options);

// The same of a program that must succeed. Throws Error with the command, how it ended and the last that it said when
// it ended in any other way than with exit code 0.
ProcessResult run_checked(const ProcessOptions& options);

std::string signal_name(int signal);  // "SIGILL"; "signal 34"

}  // namespace triage
