#include "supernet/tensor_memory.h"

#include <c10/core/CPUAllocator.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>

#include "core/error.h"

namespace triage::supernet {
namespace {

constexpr std::size_t kSmall = 1 << 20;         // left to LibTorch's own allocator
constexpr std::size_t kPage = 2 << 20;          // sizes are rounded up to huge pages, where memory begins, too
constexpr std::size_t kMaxCached = 1ull << 30;  // unused bytes at which a miss empties the cache

class Cache {
 public:
  void* take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (const auto found = free_.lower_bound(bytes); found != free_.end() && found->first <= bytes + bytes / 4) {
      void* const data = found->second;
      sizes_[data] = found->first;
      cached_ -= found->first;
      free_.erase(found);
      return data;
    }
    if (cached_ > kMaxCached) clear();
    void* const data = std::aligned_alloc(kPage, bytes);
    if (!data) fail("out of memory: found no {} MiB for a tensor", bytes >> 20);
#if defined(__linux__)
    madvise(data, bytes, MADV_HUGEPAGE);  // advice only
#endif
    sizes_[data] = bytes;
    return data;
  }
  // False when it is none of the cache's.
  bool give_back(void* data) {
    const std::lock_guard lock(mutex_);
    const auto found = sizes_.find(data);
    if (found == sizes_.end()) return false;
    free_.emplace(found->second, data);
    cached_ += found->second;
    sizes_.erase(found);
    return true;
  }

 private:
  void clear() {
    for (const auto& [size, data] : free_) std::free(data);
    free_.clear();
    cached_ = 0;
  }
  std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;
  std::map<void*, std::size_t> sizes_;  // of those in use
  std::size_t cached_ = 0;
};

Cache& cache() {
  static Cache* const instance = new Cache;  // outlives tensors of static storage
  return *instance;
}

class ReusingAllocator final : public at::Allocator {
 public:
  at::DataPtr allocate(std::size_t bytes) override {
    void* const data = bytes < kSmall ? usual().raw_allocate(bytes) : cache().take((bytes + kPage - 1) / kPage * kPage);
    return {data, data, &give_back, at::kCPU};
  }
  at::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }

 private:
  static at::Allocator& usual() { return *c10::GetDefaultCPUAllocator(); }
  static void give_back(void* data) {
    const bool may_be_kept = reinterpret_cast<std::uintptr_t>(data) % kPage == 0;
    if (!may_be_kept || !cache().give_back(data)) usual().raw_deallocate(data);
  }
};

}  // namespace

void reuse_tensor_memory() {
  static ReusingAllocator* const instance = new ReusingAllocator;  // outlives tensors of static storage
  c10::SetCPUAllocator(instance, 1);
}

at::Tensor channels_last_buffer(int n, int channels, int height, int width, at::ScalarType type) {
  const std::int64_t c = channels, row = c * width, image = row * height;
  return at::empty_strided({n, c, height, width}, {image, 1, row, c}, type);
}

}  // namespace triage::supernet
