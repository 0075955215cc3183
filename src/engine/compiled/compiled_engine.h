// Compiled kernels as an engine: runs a stage's program (compiled_session.h).
#pragma once

#include "engine/engine.h"

namespace triage::engine {

const Engine& compiled_engine();

}  // namespace triage::engine
