// One image stage of a plan as a plan of its own: the static net that the whole is held against.
#pragma once

#include <string>

#include "core/files/file.h"

namespace triage::evaluate {

// Writes a plan directory `to` with that stage, its files and its cost. Throws Error naming the plan's stages where it
// has none of this name, or where the stage starts from another one's features.
void write_single_stage(const fs::path& plan, const std::string& stage, const fs::path& to);

}  // namespace triage::evaluate
