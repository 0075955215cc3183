// What the refining of a plan needs of its nets that are no subnets.
#pragma once

#include <vector>

#include "workflow/search/fixed_nets.h"
#include "workflow/search/refined_config.h"

namespace triage::workflow {

// Those of the plan, for a configuration `file`: ONNX files as seen from there. How each wants its images is written
// into FILE-NETn.preprocess.json beside it; throws Error where another such file is.
std::vector<TakenNet> take_nets(const search::Genome& plan, const FixedNets& nets, const fs::path& file);

}  // namespace triage::workflow
