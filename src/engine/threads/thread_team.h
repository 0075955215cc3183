// ThreadTeam: a few threads that share out jobs of microseconds.
#pragma once

#include <atomic>
#include <memory>
#include <type_traits>

namespace triage::engine {

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
// may leave two threads that wait for each other on one for long. It changes its own affinity for that and restores it
// before its part begins; the caller's is never touched. A child of fork() gets threads of its own with its
// first job; where there are none to be had, its callers run alone.
class ThreadTeam {
 public:
  explicit ThreadTeam(int size, bool allow_spinning = false);
  ~ThreadTeam();  // no run() may be in progress
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  // Calls job(part, parts) on `parts` threads, 1 to size(), part from 0 (the caller's) to parts - 1, and returns when
  // all are done. parts is 1 when another caller has the team: that call is made at once, by the caller alone. The job
  // must not throw and must not call run(). Thread-safe; allocates nothing but in a child's first call; what the
  // caller wrote before is seen by all, and what they wrote by the caller.
  template <class Job>
  void run(int parts, Job&& job) {
    using Plain = std::remove_reference_t<Job>;
    run_any(
        parts, [](void* context, int part, int of) { (*static_cast<Plain*>(context))(part, of); },
        const_cast<void*>(static_cast<const void*>(std::addressof(job))));
  }
  template <class Job>
  void run(Job&& job) {
    run(size_, job);
  }

  // Inside a job, with its `parts`: returns when all parts have called it; what they wrote before is seen by all.
  void barrier(int parts);

 private:
  using Call = void (*)(void* context, int part, int parts);
  class Crew;  // the threads, which are in one process

  void run_any(int parts, Call call, void* context);
  Crew* crew();  // of this process; null: none

  const int size_;
  const double spin_seconds_;
  std::atomic<Crew*> crew_{nullptr};
  std::atomic<unsigned> crew_asked_in_;  // process_generation() of who made crew_, or tried to
};

}  // namespace triage::engine
