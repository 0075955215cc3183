#include "engine/fake/fake_session.h"

#include "engine/status.h"

namespace triage::engine {

Status FakeSession::run(int n, const StageTensors& tensors) const {
  ++runs_;
  images_ += n;
  for (int seen = largest_run_; n > seen && !largest_run_.compare_exchange_weak(seen, n);) {
  }
  if (error_) return *error_;
  try {
    check_tensors(shape_, n, tensors, "fake");
  } catch (...) {
    return current_error();
  }
  const auto row = [](auto* data, int i, int width) {
    return data ? std::span(data + static_cast<std::size_t>(i) * width, width) : std::span(data, 0);
  };
  for (int i = 0; i < n; ++i) {
    answer_({.input = row(tensors.input.data, i, shape_.input_size),
             .logits = row(tensors.logits.data, i, shape_.classes),
             .features = row(tensors.features.data, i, shape_.feature_width),
             .carry = row(tensors.carry.data, i, shape_.carry_size)});
  }
  return Ok{};
}

}  // namespace triage::engine
