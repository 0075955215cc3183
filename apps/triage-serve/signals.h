// SIGINT, SIGTERM and SIGHUP as something to wait for, instead of an end of the program.
#pragma once

#include <signal.h>

namespace triage::cli {

// One of a process at a time.
class AwaitedSignals {
 public:
  AwaitedSignals();
  ~AwaitedSignals();
  AwaitedSignals(const AwaitedSignals&) = delete;
  AwaitedSignals& operator=(const AwaitedSignals&) = delete;

  int wait();        // the next one that has come or comes
  void give_back();  // from now on they do what they did before

 private:
  struct sigaction before_[3] = {};
};

}  // namespace triage::cli
