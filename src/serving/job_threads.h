// Threads that do jobs in the order in which they came: one thread does them one after another.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace triage::serving {

class JobThreads {
 public:
  explicit JobThreads(int threads) {
    threads_.reserve(static_cast<std::size_t>(threads));
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  ~JobThreads() { stop(); }
  JobThreads(const JobThreads&) = delete;
  JobThreads& operator=(const JobThreads&) = delete;

  // job: throws nothing. False: they were stopped, and it will not run.
  bool enqueue(std::function<void()> job) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    jobs_.push_back(std::move(job));
    waits_.notify_one();
    return true;
  }

  // Returns when all that was asked for is done. False: they had been stopped before.
  bool stop() {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return false;
      stopping_ = true;
    }
    waits_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    return true;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      waits_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable waits_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;  // last: they use the others
};

}  // namespace triage::serving
