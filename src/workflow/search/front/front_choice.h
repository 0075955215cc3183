// The point of a search's front that a plan is made of.
#pragma once

#include "search/evolve/front.h"
#include "workflow/config/build_config.h"

namespace triage::workflow {

search::Front front_of(const fs::path& run);  // throws Error where no search has written one
// The front's point that a user asks for. Throws Error where none will do.
const search::FrontPoint& point_of(const search::Front& front, const BuildTarget& target);

}  // namespace triage::workflow
