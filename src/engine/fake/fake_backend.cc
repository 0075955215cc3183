#include "engine/fake/fake_backend.h"

namespace triage::engine {

Status FakeBackend::run(int n, const StageBuffers& buffers) const {
  ++runs_;
  images_ += n;
  for (int seen = largest_run_; n > seen && !largest_run_.compare_exchange_weak(seen, n);) {
  }
  if (error_) return *error_;
  if ((buffers.features && shape_.feature_width == 0) || (buffers.carry && shape_.carry_size == 0)) {
    return ErrorInfo{ErrorCode::bad_input, "an output is wanted, but the stage has none"};
  }
  const auto row = [](auto* data, int i, int width) {
    return data ? std::span(data + static_cast<std::size_t>(i) * width, width) : std::span(data, 0);
  };
  for (int i = 0; i < n; ++i) {
    answer_({.input = row(buffers.input, i, shape_.input_size),
             .logits = row(buffers.logits, i, shape_.classes),
             .features = row(buffers.features, i, shape_.feature_width),
             .carry = row(buffers.carry, i, shape_.carry_size)});
  }
  return Ok{};
}

}  // namespace triage::engine
