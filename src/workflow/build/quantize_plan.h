// A finished plan in int8, without the networks it was made of.
#pragma once

#include "workflow/cascade/int8_form.h"
#include "workflow/run/pipeline.h"

namespace triage::workflow {

// The plan of directory `from` into directory `to`, which is there: ranges from the images of the route split; routers,
// temperatures and thresholds as they were; costs measured here, and a curve of its own. nets: how stages that others
// made are chosen for. Throws Error where the data has other classes or images of another size than the plan or,
// without any_data, is not what its nets were trained on.
plan::Plan quantize_plan(const Workspace& workspace, const fs::path& from, const fs::path& to, bool any_data,
                         const Int8Choice& nets);

}  // namespace triage::workflow
