// The image input of a network, as its file declares it.
#pragma once

#include "preprocess/preprocess.h"

namespace triage::preprocess {

struct NetworkInput {
  int height = 0, width = 0, channels = 3;  // 1 or 3 channels
  Layout layout = Layout::nchw;
};

// Nothing but the shape: pixels are divided by 255, no image is resized.
Preprocess plain_preprocess(const NetworkInput& input);

}  // namespace triage::preprocess
