// Workers: the few threads that run what schedulers have waiting. All plans of a process share them.
#pragma once

#include <atomic>
#include <compare>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace triage::serving {

// How much a batch that could run now wants to: greater ones first, compared from the top.
struct Urgency {
  bool awaited = true;   // somebody waits for the answer
  bool overdue = false;  // one of its images has waited for longer than it should
  double seconds = 0;    // overdue: that the image has waited; else 0
  double fill = 0;       // of a full batch
  int stage = 0;
  auto operator<=>(const Urgency&) const = default;
};

// What workers take batches from.
class WorkSource {
 public:
  using Batch = std::function<void()>;  // run by one worker, without the lock
  virtual ~WorkSource() = default;
  // Both with Workers::mutex() held. Of the most urgent batch (none: nothing waits), and that batch, which leaves its
  // queue. sharers: workers that are free, this one counted: a batch may be cut into so many parts, to run side by
  // side.
  virtual std::optional<Urgency> urgency() const = 0;
  virtual Batch take(int sharers) = 0;
};

class Workers {
 public:
  explicit Workers(int threads);  // 0: none; run_one() is called instead (tests)
  ~Workers();                     // runs what waits, then ends the threads
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int count() const { return static_cast<int>(threads_.size()); }

  std::mutex& mutex() { return mutex_; }  // guards the queues of all sources
  void add(std::shared_ptr<WorkSource> source);
  void remove(const WorkSource& source);     // a batch of it that is running keeps it alive
  void wake() { work_waits_.notify_one(); }  // something was put into a queue

  // Runs the most urgent batch of all sources; false: nothing waits.
  bool run_one();
  // Batches, in this thread, until `done` or nothing waits. What waits behind `done` is the workers'.
  void run_until(const std::atomic<bool>& done);

 private:
  bool run_one(std::unique_lock<std::mutex>& lock);
  WorkSource* most_urgent() const;
  void work();

  std::mutex mutex_;
  std::condition_variable work_waits_;
  std::vector<std::shared_ptr<WorkSource>> sources_;
  int idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace triage::serving
