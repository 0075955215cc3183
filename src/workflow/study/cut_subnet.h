// Files made of a supernet.
#pragma once

#include "workflow/search/open_supernet.h"

namespace triage::workflow {

// The subnet as an ONNX file, equal to LibTorch on validation images, and its weights (in fp32) beside it; both or
// none. supernet: opened in fp32. Throws Error where they are not equal.
family::NetSize cut_subnet(const OpenSupernet& supernet, const family::ArchSpec& subnet,
                           const train::RecalibrationOptions& recalibration, const fs::path& onnx,
                           const fs::path& weights);

// What is needed to cut and score subnets, weights in bf16, as a new directory `out`. supernet: opened in fp32.
void pack_supernet(const OpenSupernet& supernet, const fs::path& out);

}  // namespace triage::workflow
