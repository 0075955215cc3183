// Pool: what calls take, use and give back. A list that only grows, so that neither needs a lock or a counter, and a
// process that was forked meanwhile finds it whole.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace triage::engine {

// T has these two, for the pool alone.
template <class T>
class Pooled {
 public:
  std::atomic<bool> in_use{true};
  T* next = nullptr;

 private:
  friend T;
  Pooled() = default;
};

template <class T>
class Pool {
 public:
  Pool() = default;
  ~Pool() {  // nothing may be in use, but in a forked child what its parent's threads had
    for (T* item = first_.load(); item;) delete std::exchange(item, item->next);
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  T* take() {  // null: all are in use
    for (T* item = first_.load(std::memory_order_acquire); item; item = item->next) {
      if (!item->in_use.load(std::memory_order_relaxed) && !item->in_use.exchange(true, std::memory_order_acquire)) {
        return item;
      }
    }
    return nullptr;
  }
  T* add(std::unique_ptr<T> item) {  // in use by the caller
    T* const added = item.release();
    added->next = first_.load(std::memory_order_relaxed);
    while (!first_.compare_exchange_weak(added->next, added, std::memory_order_release, std::memory_order_relaxed)) {
    }
    return added;
  }
  template <class Visit>
  void for_each(const Visit& visit) const {  // all, in use or not
    for (const T* item = first_.load(std::memory_order_acquire); item; item = item->next) visit(*item);
  }
  static void give(T& item) { item.in_use.store(false, std::memory_order_release); }

 private:
  std::atomic<T*> first_{nullptr};
};

}  // namespace triage::engine
