#include "engine/threads/thread_team.h"

#ifdef __linux__
#include <sched.h>
#endif

#include <chrono>
#include <thread>
#include <vector>

#include "engine/threads/forks.h"

namespace triage::engine {
namespace {

constexpr double kShortSpin = 50e-6, kLongSpin = 1e-3;  // seconds between jobs before a thread sleeps
constexpr int kPausesPerLook = 64;                      // at the clock
constexpr int kPausesBeforeSleep = 2048;  // 20 to 100 us: then the one waited for may need this thread's core

// For waits inside a job: all threads are at work, the wait is short unless a core is missing. Changes of `value` are
// sequentially consistent and notified, so that none is slept through.
template <class T, class Ready>
void wait_until(const std::atomic<T>& value, const Ready& ready) {
  for (int pauses = 0;; ++pauses) {
    const T now = value.load(std::memory_order_acquire);
    if (ready(now)) return;
    if (pauses < kPausesBeforeSleep) {
      spin_pause();
    } else {
      value.wait(now, std::memory_order_acquire);
    }
  }
}

int this_processor() {
#ifdef __linux__
  return sched_getcpu();
#else
  return -1;
#endif
}

}  // namespace

class ThreadTeam::Crew {
 public:
  Crew(int size, double spin_seconds)
      : process(process_generation()),
        size_(size),
        spin_seconds_(spin_seconds),
        members_(std::make_unique<Member[]>(static_cast<std::size_t>(size))) {
    try {
      for (int part = 1; part < size_; ++part) threads_.emplace_back([this, part] { work(part); });
    } catch (...) {  // no thread to be had: those that started must end before their members go
      stop();
      throw;
    }
  }
  ~Crew() { stop(); }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // False: another caller has the threads.
  bool run(int parts, Call call, void* context) {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    call_ = call;
    context_ = context;
    parts_ = parts;
    say_processor(0);
    for (int part = 1; part < parts; ++part) {
      std::atomic<unsigned>& jobs = member(part).jobs;
      jobs.fetch_add(1);  // hands over the three; sequentially consistent with the sleepers' count in notify_all
      jobs.notify_all();  // a system call only when it sleeps
    }
    call(context, 0, parts);
    wait_until(done_, [&](int done) { return done == parts - 1; });
    done_.store(0, std::memory_order_relaxed);  // the next job hands it over
    busy_.store(false, std::memory_order_release);
    return true;
  }

  void barrier(int parts) {
    const unsigned generation = barrier_generation_.load(std::memory_order_relaxed);  // moves on only with this thread
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == parts) {
      arrived_.store(0, std::memory_order_relaxed);
      barrier_generation_.store(generation + 1);
      barrier_generation_.notify_all();
    } else {
      wait_until(barrier_generation_, [&](unsigned now) { return now != generation; });
    }
  }

  // Of a process that this one was forked from: its threads can be neither joined nor forgotten, so it is kept.
  static void abandon(Crew* crew) {
    static std::atomic<Crew*> abandoned{nullptr};
    crew->next_ = abandoned.load();
    while (!abandoned.compare_exchange_weak(crew->next_, crew)) {
    }
  }

  const unsigned process;  // process_generation() of the threads

 private:
  struct alignas(64) Member {        // on a cache line of its own: spun on
    std::atomic<unsigned> jobs{0};   // that were handed to it; 32 bits wide, as a futex is
    std::atomic<int> processor{-1};  // where it last began a job; -1: not yet
  };
  Member& member(int part) const { return members_[static_cast<std::size_t>(part)]; }

  void stop() {
    stop_.store(true, std::memory_order_relaxed);
    for (int part = 1; part < size_; ++part) {
      member(part).jobs.fetch_add(1);
      member(part).jobs.notify_all();
    }
    for (std::thread& thread : threads_) thread.join();
  }

  void work(int part) {
    for (unsigned seen = 0;;) {  // a job that was handed over before this thread began counts
      if (!wait_for_job(member(part).jobs, seen)) return;
      ++seen;  // the caller waits for all whom it gave the job: none misses one
      leave_shared_processor(part);
      call_(context_, part, parts_);
      done_.fetch_add(1);
      done_.notify_all();
    }
  }

  // False: the crew ends.
  bool wait_for_job(const std::atomic<unsigned>& jobs, unsigned seen) const {
    using Clock = std::chrono::steady_clock;
    const auto until = Clock::now() + std::chrono::duration<double>(spin_seconds_);
    bool spin = true;
    for (int pauses = 0; jobs.load(std::memory_order_acquire) == seen; ++pauses) {
      if (spin) {
        spin_pause();
        if (pauses % kPausesPerLook == 0) spin = Clock::now() < until;
      } else {
        jobs.wait(seen, std::memory_order_acquire);
      }
    }
    return !stop_.load(std::memory_order_relaxed);
  }

  int say_processor(int part) {  // and return it
    const int now = this_processor();
    std::atomic<int>& said = member(part).processor;
    if (said.load(std::memory_order_relaxed) != now)
      said.store(now, std::memory_order_relaxed);  // rare: others read it
    return now;
  }

  // What the others last said may be old: then this thread moves in vain, or with the next job.
  void leave_shared_processor(int part) {
    const int own = say_processor(part);
#ifdef __linux__
    const auto of = [&](int other) { return member(other).processor.load(std::memory_order_relaxed); };
    bool shared = false;
    for (int other = 0; other < part; ++other) shared = shared || of(other) == own;
    if (!shared || own < 0) return;
    cpu_set_t may_use, free;
    if (sched_getaffinity(0, sizeof may_use, &may_use) != 0) return;
    free = may_use;
    for (int other = 0; other < parts_; ++other)
      if (of(other) >= 0 && of(other) < CPU_SETSIZE) CPU_CLR(of(other), &free);
    if (CPU_COUNT(&free) == 0 || sched_setaffinity(0, sizeof free, &free) != 0) return;
    sched_setaffinity(0, sizeof may_use, &may_use);  // it stays where it is until the kernel knows better
    say_processor(part);
#endif
  }

  const int size_;
  const double spin_seconds_;
  std::unique_ptr<Member[]> members_;
  std::vector<std::thread> threads_;
  Call call_ = nullptr;  // this and the next two are handed over by Member::jobs
  void* context_ = nullptr;
  int parts_ = 1;
  Crew* next_ = nullptr;  // abandoned
  // On cache lines of their own: one is written while others are spun on.
  alignas(64) std::atomic<bool> busy_{false};
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<int> done_{0};
  alignas(64) std::atomic<int> arrived_{0};  // at the barrier
  alignas(64) std::atomic<unsigned> barrier_generation_{0};
};

ThreadTeam::ThreadTeam(int size, bool allow_spinning)
    : size_(size > 1 ? size : 1), spin_seconds_(allow_spinning ? kLongSpin : kShortSpin) {
  watch_forks();
  crew_asked_in_.store(process_generation());
  if (size_ > 1) crew_.store(new Crew(size_, spin_seconds_));
}

ThreadTeam::~ThreadTeam() {
  Crew* const crew = crew_.load();
  if (!crew) return;
  if (crew->process == process_generation()) {
    delete crew;
  } else {
    Crew::abandon(crew);
  }
}

ThreadTeam::Crew* ThreadTeam::crew() {
  Crew* const crew = crew_.load(std::memory_order_acquire);
  const unsigned process = process_generation();
  if (crew && crew->process == process) return crew;
  unsigned asked_in = crew_asked_in_.load();
  if (asked_in == process || !crew_asked_in_.compare_exchange_strong(asked_in, process)) {
    return nullptr;  // another thread is making it, or it could not be made
  }
  if (crew) Crew::abandon(crew);
  crew_.store(nullptr);
  try {
    Crew* const own = new Crew(size_, spin_seconds_);
    crew_.store(own, std::memory_order_release);
    return own;
  } catch (...) {  // one thread does the work as well
    return nullptr;
  }
}

void ThreadTeam::run_any(int parts, Call call, void* context) {
  Crew* const crew = parts > 1 && size_ > 1 ? this->crew() : nullptr;
  if (!crew || !crew->run(parts, call, context)) call(context, 0, 1);
}

void ThreadTeam::barrier(int parts) {
  if (parts > 1) crew_.load(std::memory_order_relaxed)->barrier(parts);
}

}  // namespace triage::engine
