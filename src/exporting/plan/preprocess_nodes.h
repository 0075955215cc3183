// A stage's preprocessing (preprocess/preprocess.h) as standard ONNX nodes: from the pixels of one image of any size to
// what the network takes. Values are those of preprocess::Preprocessor: of the resampler pillow and of nearest bit for
// bit; of opencv at most one level off, where the order of a float32 sum decides how half a level is rounded.
//
// Resizing is two products with a table of weights that is made from the image's Shape, along rows and then down
// them, rounded to 8 bits between: MatMulInteger, on the weights' 8-bit digits, gives whole numbers without rounding on
// every CPU.
#pragma once

#include <string>

#include "exporting/graph_builder.h"
#include "preprocess/preprocess.h"

namespace triage::exporting {

// image: name of uint8 [H, W, channels] (1 or 3). Returns the name of float32 [1, ...] in the layout of the spec.
std::string add_preprocess(GraphBuilder& builder, const preprocess::Preprocess& spec, const std::string& image,
                           int channels);

}  // namespace triage::exporting
