#include "core/progress.h"

#include <utility>

namespace triage {

Progress::Progress(const Context& context, std::string label, std::uint64_t total, std::string unit,
                   std::uint64_t first)
    : sink_(context.sink),
      state_{.label = std::move(label), .unit = std::move(unit), .total = total, .first = first, .count = first} {
  if (sink_ != nullptr) sink_->start(state_);
}

Progress::~Progress() {
  if (sink_ != nullptr && !finished_) sink_->finish(state_, false);
}

void Progress::update(std::uint64_t count, const std::string& note) {
  if (sink_ == nullptr) return;
  state_.count = count;
  state_.note = note;
  sink_->update(state_);
}

void Progress::line(const std::string& text) {
  if (sink_ != nullptr) sink_->line(text);
}

void Progress::finish(const std::string& note) {
  if (sink_ == nullptr || std::exchange(finished_, true)) return;
  state_.note = note;
  sink_->finish(state_, true);
}

}  // namespace triage
