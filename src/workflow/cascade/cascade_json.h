// cascade.json: what the nets were found to be, what they cost, and all points that could have been chosen.
#pragma once

#include "workflow/cascade/cascade.h"

namespace triage::workflow {

// all: every net as a stage, as measured.
Json to_json(const CascadeResult& result, const plan::Plan& all);

}  // namespace triage::workflow
