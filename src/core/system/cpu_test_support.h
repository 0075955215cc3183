// For tests of code that is chosen by the CPU.
#pragma once

#include <vector>

#include "core/system/cpu.h"

namespace triage {

// One CPU for each build that this machine can run, the least first, to be given to a CpuOverride.
inline std::vector<CpuFeatures> cpus_here() {
  std::vector<CpuFeatures> cpus;
  for (const CpuFeatures build : {CpuFeatures(), kAvx2Build, kAvx512Build, kAvx512Bf16Build}) {
    if (cpu_features().has(build)) cpus.push_back(build);
  }
  return cpus;
}

}  // namespace triage
