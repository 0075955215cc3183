#include "runtime/thread_team.h"

#ifdef __linux__
#include <sched.h>
#endif

#include <chrono>

namespace triage::runtime {
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

ThreadTeam::ThreadTeam(int size, bool allow_spinning)
    : size_(size > 1 ? size : 1),
      spin_seconds_(allow_spinning ? kLongSpin : kShortSpin),
      processors_(static_cast<std::size_t>(size_)) {
  for (auto& processor : processors_) processor.store(-1, std::memory_order_relaxed);
  try {
    for (int part = 1; part < size_; ++part) threads_.emplace_back([this, part] { work(part); });
  } catch (...) {  // no thread to be had: those that started must end before their members go
    stop_.store(true, std::memory_order_relaxed);
    generation_.fetch_add(1);
    generation_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    throw;
  }
}

ThreadTeam::~ThreadTeam() {
  stop_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1);
  generation_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadTeam::run_any(Call call, void* context) {
  if (size_ == 1 || busy_.exchange(true, std::memory_order_acquire)) return call(context, 0, 1);
  call_ = call;
  context_ = context;
  say_processor(0);
  generation_.fetch_add(1);  // hands over the two; sequentially consistent with the sleepers' count in notify_all
  generation_.notify_all();  // a system call only when one sleeps
  call(context, 0, size_);
  wait_until(done_, [&](int done) { return done == size_ - 1; });
  done_.store(0, std::memory_order_relaxed);  // the next job's generation_ hands it over
  busy_.store(false, std::memory_order_release);
}

void ThreadTeam::work(int part) {
  for (unsigned seen = 0;;) {  // a job that was handed over before this thread began counts
    if (!wait_for_job(seen)) return;
    ++seen;  // the caller waits for all: a thread never misses a job
    leave_shared_processor(part);
    call_(context_, part, size_);
    done_.fetch_add(1);
    done_.notify_all();
  }
}

int ThreadTeam::say_processor(int part) {
  const int now = this_processor();
  std::atomic<int>& said = processors_[static_cast<std::size_t>(part)];
  if (said.load(std::memory_order_relaxed) != now) said.store(now, std::memory_order_relaxed);  // rare: others read it
  return now;
}

// What the others last said may be old: then this thread moves in vain, or with the next job.
void ThreadTeam::leave_shared_processor(int part) {
  const int own = say_processor(part);
#ifdef __linux__
  const auto of = [&](int other) {
    return processors_[static_cast<std::size_t>(other)].load(std::memory_order_relaxed);
  };
  bool shared = false;
  for (int other = 0; other < part; ++other) shared = shared || of(other) == own;
  if (!shared || own < 0) return;
  cpu_set_t may_use, free;
  if (sched_getaffinity(0, sizeof may_use, &may_use) != 0) return;
  free = may_use;
  for (int other = 0; other < size_; ++other)
    if (of(other) >= 0 && of(other) < CPU_SETSIZE) CPU_CLR(of(other), &free);
  if (CPU_COUNT(&free) == 0 || sched_setaffinity(0, sizeof free, &free) != 0) return;
  sched_setaffinity(0, sizeof may_use, &may_use);  // it stays where it is until the kernel knows better
  say_processor(part);
#endif
}

// False: the team ends.
bool ThreadTeam::wait_for_job(unsigned seen) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::duration<double>(spin_seconds_);
  bool spin = true;
  for (int pauses = 0; generation_.load(std::memory_order_acquire) == seen; ++pauses) {
    if (spin) {
      spin_pause();
      if (pauses % kPausesPerLook == 0) spin = Clock::now() < until;
    } else {
      generation_.wait(seen, std::memory_order_acquire);
    }
  }
  return !stop_.load(std::memory_order_relaxed);
}

void ThreadTeam::barrier(int parts) {
  if (parts <= 1) return;
  const unsigned generation = barrier_generation_.load(std::memory_order_relaxed);  // moves on only with this thread
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == parts) {
    arrived_.store(0, std::memory_order_relaxed);
    barrier_generation_.store(generation + 1);
    barrier_generation_.notify_all();
  } else {
    wait_until(barrier_generation_, [&](unsigned now) { return now != generation; });
  }
}

}  // namespace triage::runtime
