// Counts what a test program allocates: it replaces operator new, so one file of a program may include it, once.
#pragma once

#include <atomic>
#include <cstdlib>
#include <new>

namespace triage {

inline std::atomic<bool> counting_allocations = false;
inline std::atomic<int> counted_allocations = 0;

// How often `action` allocates, on all threads.
template <class Action>
int allocations_of(const Action& action) {
  counted_allocations = 0;
  counting_allocations = true;
  action();
  counting_allocations = false;
  return counted_allocations;
}

// Both out of line: what is inlined gets warnings about new and free.
[[gnu::noinline]] inline void* counted(std::size_t bytes, std::size_t alignment = 0) {
  if (counting_allocations) ++counted_allocations;
  void* memory = alignment ? std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment)
                           : std::malloc(bytes ? bytes : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] inline void released(void* memory) { std::free(memory); }

}  // namespace triage

// Every allocation of this test program goes through here (the engine alone uses the kind that does not throw).
void* operator new(std::size_t bytes) { return triage::counted(bytes); }
void* operator new[](std::size_t bytes) { return triage::counted(bytes); }
void* operator new(std::size_t bytes, std::align_val_t a) {
  return triage::counted(bytes, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t bytes, std::align_val_t a) {
  return triage::counted(bytes, static_cast<std::size_t>(a));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(bytes); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { triage::released(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { triage::released(memory); }
void operator delete(void* memory) noexcept { triage::released(memory); }
void operator delete[](void* memory) noexcept { triage::released(memory); }
void operator delete(void* memory, std::size_t) noexcept { triage::released(memory); }
void operator delete[](void* memory, std::size_t) noexcept { triage::released(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { triage::released(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { triage::released(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { triage::released(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { triage::released(memory); }
