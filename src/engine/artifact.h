// Artifact: a stage in the form that an engine runs, as a file.
#pragma once

#include <string>
#include <vector>

#include "engine/spec.h"

namespace triage::engine {

struct Artifact {
  EngineSpec engine;               // that it was made for
  std::string file;                // beside plan.json
  std::string sha256;              // of that file; empty: not checked (never so in a plan)
  std::vector<std::string> needs;  // of the CPU, as CpuFeature is spelled; empty: nothing, or the file says it itself

  bool operator==(const Artifact&) const = default;
};

}  // namespace triage::engine
