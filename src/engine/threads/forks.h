// What fork() does to an engine. Of a process's threads the child has one; a lock that another held stays locked there.
#pragma once

namespace triage::engine {

// Whoever makes threads or counts engine runs calls this once before. Thread-safe.
void watch_forks();

// 0, and one more in each child of fork(): what was made under another number has no threads here. Children of
// vfork() and clone() are not seen.
unsigned process_generation();

// Around calls into an engine that takes locks of its own: fork() waits until nobody is inside, and calls that come
// meanwhile wait for it, so that no lock is held in the child. Not one inside another.
class EngineCall {
 public:
  EngineCall();
  ~EngineCall();
  EngineCall(const EngineCall&) = delete;
  EngineCall& operator=(const EngineCall&) = delete;
};

}  // namespace triage::engine
