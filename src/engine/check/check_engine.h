// The checking engine: every stage is run by two engines, and where they differ the run is an error. Answers are the
// first one's. For use in production where a second opinion is worth its time: engine "check:compiled,onnxruntime".
#pragma once

#include "engine/engine.h"

namespace triage::engine {

const Engine& check_engine();

// Elements agree where |second - first| <= kCheckAbsolute + kCheckRelative * |first|, or both are the same special
// value.
inline constexpr double kCheckAbsolute = 1e-4, kCheckRelative = 1e-4;

// A session of any two. run() gives engine_failure naming `names`, the output, the image, the element and both values
// where they differ. Throws Failure (damaged) where their inputs or outputs are of other sizes.
std::unique_ptr<Session> checking_session(std::unique_ptr<Session> first, std::unique_ptr<Session> second,
                                          std::string names);

}  // namespace triage::engine
