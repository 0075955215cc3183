#include "engine/threads/forks.h"

#include <pthread.h>

#include <atomic>

namespace triage::engine {
namespace {

std::atomic<unsigned> fork_depth{0};
std::atomic<int> engine_calls{0}, forks_waiting{0};

void before_fork() {
  forks_waiting.fetch_add(1);
  for (int inside = engine_calls.load(); inside > 0; inside = engine_calls.load()) engine_calls.wait(inside);
}

void after_fork_in_parent() {
  forks_waiting.fetch_sub(1);
  forks_waiting.notify_all();
}

void after_fork_in_child() {
  fork_depth.fetch_add(1);
  engine_calls.store(0);  // of threads that are not here: they had counted themselves, or were about to
  forks_waiting.store(0);
}

}  // namespace

void watch_forks() {
  static const bool watching = ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
  (void)watching;  // it fails for want of memory alone: then children are taken for their parent, as before
}

unsigned process_generation() { return fork_depth.load(std::memory_order_relaxed); }

EngineCall::EngineCall() {
  for (;;) {
    engine_calls.fetch_add(1);
    const int waiting = forks_waiting.load();
    if (waiting == 0) return;
    engine_calls.fetch_sub(1);
    engine_calls.notify_all();
    forks_waiting.wait(waiting);
  }
}

EngineCall::~EngineCall() {
  engine_calls.fetch_sub(1);
  if (forks_waiting.load() > 0) engine_calls.notify_all();
}

}  // namespace triage::engine
