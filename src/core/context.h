// Context: what a caller hands to work that takes long: where its progress goes, and whether it should stop. Small, to
// be copied; a default one shows nothing and never stops. It lies in the options of the work (or in the object that
// holds a run: workflow::Workspace), where there are none it is the last parameter.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace triage {

// Whether the user asked to stop. The flag is the caller's, may be set by a signal handler or another thread, and
// outlives all copies of the token.
class StopToken {
 public:
  StopToken() = default;  // never
  explicit StopToken(const std::atomic<bool>& flag) : flag_(&flag) {}
  explicit StopToken(const std::atomic<bool>&&) = delete;
  bool requested() const { return flag_ != nullptr && flag_->load(std::memory_order_relaxed); }

 private:
  static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");
  const std::atomic<bool>* flag_ = nullptr;
};

struct ProgressState {
  std::string label, unit;             // "train big", "images"
  std::uint64_t total = 0;             // 0: unknown
  std::uint64_t first = 0, count = 0;  // resumed at; now
  std::string note;                    // "loss 0.41  val 91.2 %"
};

// Where progress and messages go. Called by the thread that does the work; pieces of work may be open at the same time.
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  virtual void start(const ProgressState& state) = 0;
  virtual void update(const ProgressState& state) = 0;             // as often as the work likes
  virtual void finish(const ProgressState& state, bool done) = 0;  // done: else it was given up
  virtual void line(const std::string& text) = 0;     // about the work as it goes on: "epoch 3/20: loss 0.41"
  virtual void message(const std::string& text) = 0;  // what a person should know even where no progress is shown
};

struct Context {
  ProgressSink* sink = nullptr;  // not owned; null: nobody looks
  StopToken stop;

  void message(const std::string& text) const {
    if (sink != nullptr) sink->message(text);
  }
};

}  // namespace triage
