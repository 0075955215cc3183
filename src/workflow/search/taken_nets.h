// What the refining of a plan needs of its nets that are no subnets.
#pragma once

#include <span>
#include <vector>

#include "workflow/search/fixed_nets.h"
#include "workflow/search/refined_config.h"

namespace triage::workflow {

// Those of the plan, for a configuration `file`: ONNX files as seen from there; how each wants its images is to lie
// beside it in FILE-NETn.preprocess.json.
std::vector<TakenNet> taken_nets(const search::Genome& plan, const FixedNets& nets, const fs::path& file);

// Writes those files. Throws Error, before it writes any, where another such file is.
void write_preprocess_files(std::span<const TakenNet> taken, const FixedNets& nets, const fs::path& file);

}  // namespace triage::workflow
