// Map: a set is written where nobody reads, then the version moves on to it. A reader copies and looks whether the
// version is still the same: only then has nobody begun to write into what it copied. Values are stored with release
// and loaded with acquire, so that who sees a value of the next writer also sees the version that it found.
#include "runtime/live_thresholds.h"

#include <cmath>

#include "engine/status.h"
#include "engine/threads/forks.h"

namespace triage::runtime {

void check_thresholds(std::span<const double> values, std::size_t exits, const std::string& plan) {
  if (values.size() != exits) {
    engine::fail_with(ErrorCode::bad_input,
                      "thresholds: found {}, expected {} (one per exit but the last) for plan '{}'", values.size(),
                      exits, plan);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i]))
      engine::fail_with(ErrorCode::bad_input, "thresholds[{}]: found NaN, expected a number", i);
  }
}

LiveThresholds::LiveThresholds(std::span<const double> values) : size_(values.size()) {
  engine::watch_forks();
  for (std::size_t i = 0; i < size_; ++i) sets_[0][i].store(values[i], std::memory_order_relaxed);
}

ThresholdSet LiveThresholds::now() const {
  ThresholdSet values{};
  for (;;) {
    const std::uint64_t version = version_.load(std::memory_order_acquire);
    const Set& set = sets_[version % 2];
    for (std::size_t i = 0; i < size_; ++i) values[i] = set[i].load(std::memory_order_acquire);
    if (version_.load(std::memory_order_relaxed) == version) return values;
  }
}

std::vector<double> LiveThresholds::values() const {
  const ThresholdSet set = now();
  return {set.begin(), set.begin() + static_cast<std::ptrdiff_t>(size_)};
}

void LiveThresholds::set(std::span<const double> values) {
  const engine::EngineCall no_fork;  // a child must not find the lock taken
  const std::lock_guard lock(writing_);
  const std::uint64_t next = version_.load(std::memory_order_relaxed) + 1;
  Set& set = sets_[next % 2];
  for (std::size_t i = 0; i < size_; ++i) set[i].store(values[i], std::memory_order_release);
  version_.store(next, std::memory_order_release);
}

}  // namespace triage::runtime
