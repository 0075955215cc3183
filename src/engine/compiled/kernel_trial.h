// Kernels called in a child process, where one that this CPU cannot run kills nobody else.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/compiled/kernel_abi.h"

namespace triage::engine {

struct KernelCall {
  Kernel kernel = nullptr;
  void** arguments = nullptr;
};

struct TrialEnd {
  enum class How { done, killed, failed, timed_out, not_tried };
  How how = How::done;
  std::size_t call = 0;  // the one that was running
  int value = 0;         // killed: by that signal, 0 where the system does not tell; failed: its code; not_tried: errno
  bool lasting() const;  // the next trial will end so, too: it is not that time, memory or a process was missing
};

// "was killed by SIGILL": what becomes of a kernel, to stand behind its name.
std::string to_text(const TrialEnd& end);

// Makes the calls in order, on copies of the memory that they write, and ends at the first that does not return 0.
// Everything they need must be there: the child is a copy of this thread alone, in which memory can be neither taken
// nor given back (another thread may have had the heap's lock). Handlers of the host do not run in it, neither those
// of fork() nor those of signals; the host gets no SIGCHLD of it. Leaves no core file. Thread-safe.
TrialEnd try_in_child(std::span<const KernelCall> calls, double seconds);

}  // namespace triage::engine
