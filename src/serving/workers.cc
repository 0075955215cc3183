#include "serving/workers.h"

#include <algorithm>

namespace triage::serving {

Workers::Workers(int threads) {
  threads_.reserve(threads);
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_waits_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::add(std::shared_ptr<WorkSource> source) {
  const std::lock_guard lock(mutex_);
  sources_.push_back(std::move(source));
}

void Workers::remove(const WorkSource& source) {
  std::shared_ptr<WorkSource> last;  // let go of without the lock
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(sources_, &source, &std::shared_ptr<WorkSource>::get);
  if (found == sources_.end()) return;
  last = std::move(*found);
  sources_.erase(found);
}

WorkSource* Workers::most_urgent() const {
  WorkSource* best = nullptr;
  Urgency most;
  for (const auto& source : sources_) {
    const std::optional<Urgency> urgency = source->urgency();
    if (!urgency || (best != nullptr && !(*urgency > most))) continue;
    best = source.get();
    most = *urgency;
  }
  return best;
}

bool Workers::run_one(std::unique_lock<std::mutex>& lock) {
  WorkSource* const source = most_urgent();
  if (source == nullptr) return false;
  {
    const WorkSource::Batch batch = source->take(idle_ + 1);
    if (idle_ > 0 && most_urgent() != nullptr) wake();
    lock.unlock();
    batch();
  }
  lock.lock();
  return true;
}

bool Workers::run_one() {
  std::unique_lock lock(mutex_);
  return run_one(lock);
}

void Workers::run_until(const std::atomic<bool>& done) {
  std::unique_lock lock(mutex_);
  while (!done && run_one(lock)) continue;
  if (most_urgent() != nullptr) wake();
}

void Workers::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (run_one(lock)) continue;
    if (stopping_) return;
    ++idle_;
    work_waits_.wait(lock);
    --idle_;
  }
}

}  // namespace triage::serving
