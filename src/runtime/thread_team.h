// ThreadTeam: a few threads that share out jobs of microseconds.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace triage::runtime {

// What a processor may do better while it waits for another.
inline void spin_pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

// `size` threads, of which the caller of run() is one. Between jobs the others spin for 50 us, with allow_spinning for
// 1 ms, and then sleep: a job that comes sooner starts in less than a microsecond, a later one wakes them first. A
// thread that finds another part of its job on its processor moves to another one that it may use (Linux): the kernel
// may leave two threads that wait for each other on one for long.
class ThreadTeam {
 public:
  explicit ThreadTeam(int size, bool allow_spinning = false);
  ~ThreadTeam();  // no run() may be in progress
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  // Calls job(part, parts) on every thread, part from 0 (the caller's) to parts - 1, and returns when all are done.
  // parts is size(), or 1 when another caller has the team: that call is made at once, by the caller alone. The job
  // must not throw and must not call run(). Thread-safe; allocates nothing; what the caller wrote before is seen by
  // all, and what they wrote by the caller.
  template <class Job>
  void run(Job&& job) {
    using Plain = std::remove_reference_t<Job>;
    run_any([](void* context, int part, int parts) { (*static_cast<Plain*>(context))(part, parts); },
            const_cast<void*>(static_cast<const void*>(std::addressof(job))));
  }

  // Inside a job, with its `parts`: returns when all parts have called it; what they wrote before is seen by all.
  void barrier(int parts);

 private:
  using Call = void (*)(void* context, int part, int parts);
  void run_any(Call call, void* context);
  void work(int part);
  bool wait_for_job(unsigned seen);
  int say_processor(int part);  // and return it
  void leave_shared_processor(int part);

  const int size_;
  const double spin_seconds_;
  std::vector<std::thread> threads_;
  std::vector<std::atomic<int>> processors_;  // where each part last began a job; -1: not yet
  Call call_ = nullptr;                       // this and the next are handed over by generation_
  void* context_ = nullptr;
  // On cache lines of their own: one is written while others are spun on.
  alignas(64) std::atomic<bool> busy_{false};
  alignas(64) std::atomic<unsigned> generation_{0};  // counts jobs; 32 bits wide, as a futex is
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<int> done_{0};
  alignas(64) std::atomic<int> arrived_{0};  // at the barrier
  alignas(64) std::atomic<unsigned> barrier_generation_{0};
};

}  // namespace triage::runtime
