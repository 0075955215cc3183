// Any ONNX model as an Engine: every output by its name, through ONNX Runtime (CPU). Unlike the runtime's
// session it keeps the portable "score" and runs composed plans, so files are checked as a foreign client sees them.
#pragma once

#include "exporting/graph_builder.h"
#include "exporting/parity.h"
#include "triage/classifier.h"

namespace triage::exporting {

// The model must have one float32 input whose first dimension is the batch; models of a fixed batch of 1 are run image
// by image. Outputs may be float32 or int64 (given as float). Thread-safe. Throws Error.
Engine onnx_engine(const std::string& name, const onnx::ModelProto& model, int threads = 1);

// The same of a model whose one input is uint8 [H, W, C], the pixels of one image.
struct ImageEngine {
  std::string name;
  std::function<NamedOutputs(const ImageView& image)> run;
};
ImageEngine onnx_image_engine(const std::string& name, const onnx::ModelProto& model, int threads = 1);

}  // namespace triage::exporting
