#include "supernet/buffers.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdlib>
#include <map>
#include <mutex>
#include <new>

namespace triage::supernet {
namespace {

constexpr std::size_t kSmall = 128 << 10;       // left to the usual allocator
constexpr std::size_t kPage = 2 << 20;          // sizes are rounded up to huge pages
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
    if (!data) throw std::bad_alloc();
#if defined(__linux__)
    madvise(data, bytes, MADV_HUGEPAGE);  // advice only
#endif
    sizes_[data] = bytes;
    return data;
  }
  void give_back(void* data) {
    const std::lock_guard lock(mutex_);
    const auto found = sizes_.find(data);
    free_.emplace(found->second, data);
    cached_ += found->second;
    sizes_.erase(found);
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

at::Tensor make(at::IntArrayRef sizes, at::IntArrayRef strides, std::size_t bytes, at::ScalarType type) {
  const auto options = at::TensorOptions().dtype(type);
  if (bytes < kSmall) return at::empty_strided(sizes, strides, options);
  void* const data = cache().take((bytes + kPage - 1) / kPage * kPage);
  return at::from_blob(data, sizes, strides, [](void* p) { cache().give_back(p); }, options);
}

}  // namespace

at::Tensor channels_last_buffer(int n, int channels, int height, int width, at::ScalarType type) {
  const std::int64_t c = channels, row = c * width, image = row * height;
  return make({n, c, height, width}, {image, 1, row, c}, std::size_t(image) * n * at::elementSize(type), type);
}

at::Tensor byte_buffer(std::size_t bytes) { return make({std::int64_t(bytes)}, {1}, bytes, at::kByte); }

}  // namespace triage::supernet
