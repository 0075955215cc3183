// Work on many items side by side, its results taken in their order.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/system/limits.h"

namespace triage::data {

// A ring of results: workers fill it ahead of the reader, who takes them in order.
template <class T>
class ResultRing {
 public:
  ResultRing(std::size_t first, std::size_t end, std::size_t size)
      : end_(end), next_(first), taken_(first), slots_(size) {}

  // The next item to work on; none: there is nothing left to do.
  std::optional<std::size_t> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || next_ >= end_ || next_ < taken_ + slots_.size(); });
    if (stopped_ || next_ >= end_) return std::nullopt;
    return next_++;
  }

  void put(std::size_t index, T result) {
    const std::scoped_lock lock(mutex_);
    slots_[index % slots_.size()] = std::move(result);
    changed_.notify_all();
  }

  void fail(std::exception_ptr failure) {
    const std::scoped_lock lock(mutex_);
    failure_ = std::move(failure);
    changed_.notify_all();
  }

  T take(std::size_t index) {
    std::unique_lock lock(mutex_);
    std::optional<T>& slot = slots_[index % slots_.size()];
    changed_.wait(lock, [&] { return failure_ || slot; });
    if (failure_) std::rethrow_exception(failure_);
    T result = std::move(*slot);
    slot.reset();
    taken_ = index + 1;
    changed_.notify_all();
    return result;
  }

  void stop() {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t end_, next_, taken_;
  bool stopped_ = false;
  std::exception_ptr failure_;
  std::vector<std::optional<T>> slots_;
};

// Calls take(index, make(index)) for each index of [first, end) in order, in the calling thread; make() runs in
// `threads` others (0: all cores). Only a few results a thread are in memory at a time. What make() or take() throws
// ends the work and is thrown on.
template <class T>
void for_each_in_order(std::size_t first, std::size_t end, int threads, const std::function<T(std::size_t)>& make,
                       const std::function<void(std::size_t, T)>& take) {
  constexpr std::size_t kResultsPerThread = 8;
  const auto wanted = static_cast<std::size_t>(threads > 0 ? threads : usable_cpus());
  const std::size_t count = std::max<std::size_t>(1, std::min(wanted, end - first));
  ResultRing<T> ring(first, end, count * kResultsPerThread);
  const auto work = [&] {
    try {
      while (const std::optional<std::size_t> index = ring.next()) ring.put(*index, make(*index));
    } catch (...) {
      ring.fail(std::current_exception());
    }
  };
  std::vector<std::jthread> workers;
  struct StopAtEnd {  // declared after the threads, so it runs before they are joined
    ResultRing<T>& ring;
    ~StopAtEnd() { ring.stop(); }
  } const stop{ring};
  for (std::size_t i = 0; i < count; ++i) workers.emplace_back(work);
  for (std::size_t i = first; i < end; ++i) take(i, ring.take(i));
}

}  // namespace triage::data
