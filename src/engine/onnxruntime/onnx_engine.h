// ONNX Runtime as an engine: runs a stage's ONNX file, with one of its providers (providers.h).
#pragma once

#include "engine/engine.h"

namespace triage::engine {

const Engine& onnx_engine();

}  // namespace triage::engine
