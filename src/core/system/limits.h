// What this process may use of its machine. "All cores" and "enough memory" mean this everywhere: a container's
// process sees the machine's processors and memory, and is slowed down or killed where it takes them for its own.
#pragma once

#include <cstdint>
#include <string>

#include "core/files/file.h"

namespace triage {

struct CpuLimit {
  int count = 1;    // threads that can run at the same time
  std::string why;  // "all of the machine's", "affinity", "quota of 1.5 in /sys/fs/cgroup/cpu.max"
};

struct MemoryLimit {
  std::uint64_t bytes = 0;  // that can still be taken; 0: the system does not tell
  std::string why;          // "free of the machine's 16.0 GiB", "free of the 2.0 GiB in /sys/fs/cgroup/memory.max"
};

// Where limits are read; tests give others.
struct LimitSources {
  fs::path root = "/";  // below it /proc and /sys
  int allowed = 0;      // processors of the affinity mask and
  int online = 0;       // of the machine; 0: asks the system
};

// The smaller of the affinity mask and the quota of the process's control groups (either version; of a group and all
// above it), rounded up, at least 1.
CpuLimit cpu_limit(const LimitSources& sources = {});
inline int usable_cpus() { return cpu_limit().count; }

// A number of threads that was asked for; 0 or less: as many as can run at the same time.
inline int thread_count(int wanted) { return wanted > 0 ? wanted : usable_cpus(); }

// The smaller of the machine's free memory and what the control groups leave. What could be given back (the cache of
// files) is free.
MemoryLimit memory_limit(const LimitSources& sources = {});

// Before much memory is taken: throws Error "WHAT: needs 3.0 GiB of memory, found 1.2 GiB free of the ..." where that
// cannot go well, since the system would give it and end the process later.
void require_memory(const std::string& what, std::uint64_t bytes, const LimitSources& sources = {});

std::string size_text(std::uint64_t bytes);  // "512 bytes", "3.0 GiB"

}  // namespace triage
