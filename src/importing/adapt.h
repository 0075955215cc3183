// An imported network as a stage of a plan: the same graph between an input "image" and an output "logits", as
// engine/session.h has them. What the network wants of pixels besides is the stage's preprocessing.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "importing/onnx_net.h"

namespace triage::importing {

enum class AnswerKind {
  logits,         // and logarithms of probabilities: they are logits as they are
  probabilities,  // become logarithms
};
std::string to_string(AnswerKind kind);

struct Adaptation {
  AnswerKind answer = AnswerKind::logits;
  bool free_batch = false;    // of a network for one batch size: any; whether that is right, only running it shows
  std::vector<int> class_at;  // by class: which value of the answer; empty: the first to the last
  std::string features;       // a value of the network that routers see, pooled over its map; empty: none
};

// float32 "image" [N or the fixed batch, as the network's layout] -> "logits" [N, classes], "features" [N, width].
// Values of the network that have one of these names are renamed. A closing Softmax is left out.
onnx::ModelProto adapted(const OnnxNet& net, const Adaptation& adaptation);

// The same model with what does not depend on the image as constants (model/shapes.h). None: there is nothing of that
// kind, or the graph is none that can be written as it was read. file: that it came from, for messages and what lies
// beside it.
std::optional<onnx::ModelProto> folded(const onnx::ModelProto& model, const fs::path& file);

// What the answers of a network are, by looking at them. answers: [count, width], count at least 1. Throws Error naming
// `origin` where they are no answers of a classifier: not finite, or the same for every image.
AnswerKind answer_kind(std::span<const float> answers, std::size_t width, const std::string& origin);

}  // namespace triage::importing
