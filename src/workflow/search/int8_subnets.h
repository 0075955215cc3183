// A subnet of a supernet in int8, as ONNX Runtime would run its stages.
#pragma once

#include <optional>
#include <vector>

#include "exporting/parity.h"
#include "preprocess/preprocess.h"
#include "workflow/run/pipeline.h"

namespace triage::workflow {

struct Int8Subnet {
  std::vector<exporting::Engine> stages;             // each exit the end of one, which carries on for the next
  std::optional<preprocess::Preprocess> preprocess;  // of a net with a resolution of its own
};

// Ranges from some images of the route split. Of other families than plain everything that can be is in 8 bits, and
// nothing is timed: a search asks hundreds of subnets. What a plan's nets then keep in fp32 is decided when it is built
// (cascade/int8_form.h). subnet: in inference mode.
Int8Subnet int8_subnet(const Workspace& workspace, const supernet::AnyNetwork& subnet);

}  // namespace triage::workflow
