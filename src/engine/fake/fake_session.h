// A session without a network, for tests: a function answers each image, calls are counted, failures can be ordered.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <span>

#include "engine/session.h"

namespace triage::engine {

struct FakeRow {  // one image; an output that was not wanted or does not exist is empty
  std::span<const float> input;
  std::span<float> logits, features, carry;
};

class FakeSession : public Session {
 public:
  using Answer = std::function<void(const FakeRow&)>;  // called from every thread that runs; may throw
  FakeSession(SessionInfo shape, Answer answer) : shape_(std::move(shape)), answer_(std::move(answer)) {}

  const SessionInfo& info() const override { return shape_; }
  Status run(int n, const StageTensors& buffers) const override;

  // From now on run() returns this; nullopt: works again. Not while another thread runs.
  void fail_with(std::optional<ErrorInfo> error) { error_ = std::move(error); }
  int runs() const { return runs_; }                // calls of run()
  int images() const { return images_; }            // sum of their n
  int largest_run() const { return largest_run_; }  // largest n

 private:
  SessionInfo shape_;
  Answer answer_;
  std::optional<ErrorInfo> error_;
  mutable std::atomic<int> runs_ = 0, images_ = 0, largest_run_ = 0;
};

}  // namespace triage::engine
