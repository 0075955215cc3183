// The answer to an infer request of the Open Inference Protocol v2: JSON, and behind it the tensors that were asked for
// in binary.
#pragma once

#include <optional>

#include "serving/http/infer_request.h"
#include "serving/request.h"

namespace triage::serving {

struct InferAnswer {
  std::string_view model, version;
  const std::vector<std::string>* classes = nullptr;
  std::size_t stages = 0;
  std::span<const Answer> answers;  // with logits and probabilities where an output needs them
};

struct InferResponse {
  std::string body;
  std::optional<std::size_t> json_bytes;  // header Inference-Header-Content-Length; none: all of it is JSON
};

InferResponse write_infer_response(const InferRequest& request, const InferAnswer& answer);

bool needs(const InferRequest& request, OutputKind kind);  // whether one of its outputs is made of it

}  // namespace triage::serving
