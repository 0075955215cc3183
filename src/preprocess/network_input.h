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

// What a network of ours sees that has a resolution of its own: the whole image of any size brought to that one,
// whatever its aspect ratio, by Pillow's bilinear filter, which is antialiased; then as above.
Preprocess squashed_preprocess(const NetworkInput& input);

}  // namespace triage::preprocess
