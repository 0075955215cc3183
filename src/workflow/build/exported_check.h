// A plan's one ONNX file against the runtime, image by image.
#pragma once

#include "exporting/plan/plan_check.h"
#include "exporting/plan/plan_model.h"

namespace triage::workflow {

// On up to `count` images spread evenly over the data set's training and validation images: the test images are for
// evaluation alone. Throws Error where the data set has none or images of another shape than the plan takes.
exporting::PlanCheck check_exported(const onnx::ModelProto& model, const fs::path& plan, const fs::path& data,
                                    std::uint32_t count);

}  // namespace triage::workflow
