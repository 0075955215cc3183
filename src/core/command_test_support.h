// Commands that tests run.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <string>

namespace triage {

struct Ran {
  int code = -1;       // exit status; -1: it could not be started, or ended by a signal
  std::string output;  // of both streams
};

// By the shell; waits for the end.
inline Ran run_command(const std::string& command) {
  Ran run;
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (!pipe) return run;
  char buffer[4096];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) run.output.append(buffer, n);
  const int status = ::pclose(pipe);
  run.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return run;
}

}  // namespace triage
