#include "data/image/load_images.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "core/system/limits.h"

namespace triage::data {
namespace {

constexpr std::size_t kImagesPerThread = 8;  // in memory: decoded ahead of the one that is taken

// A ring of results: workers fill it ahead of the reader, who takes them in order.
class Ring {
 public:
  Ring(std::size_t count, std::size_t size) : count_(count), slots_(size) {}

  // The next file to decode; none: there is nothing left to do.
  std::optional<std::size_t> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || next_ >= count_ || next_ < taken_ + slots_.size(); });
    if (stopped_ || next_ >= count_) return std::nullopt;
    return next_++;
  }

  void put(std::size_t index, Decoded decoded) {
    const std::scoped_lock lock(mutex_);
    slots_[index % slots_.size()] = std::move(decoded);
    changed_.notify_all();
  }

  void fail(std::exception_ptr failure) {
    const std::scoped_lock lock(mutex_);
    failure_ = std::move(failure);
    changed_.notify_all();
  }

  Decoded take(std::size_t index) {
    std::unique_lock lock(mutex_);
    std::optional<Decoded>& slot = slots_[index % slots_.size()];
    changed_.wait(lock, [&] { return failure_ || slot; });
    if (failure_) std::rethrow_exception(failure_);
    Decoded decoded = std::move(*slot);
    slot.reset();
    taken_ = index + 1;
    changed_.notify_all();
    return decoded;
  }

  void stop() {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t count_, next_ = 0, taken_ = 0;
  bool stopped_ = false;
  std::exception_ptr failure_;
  std::vector<std::optional<Decoded>> slots_;
};

struct StopAtEnd {  // declared after the threads, so it runs before they are joined
  Ring& ring;
  ~StopAtEnd() { ring.stop(); }
};

}  // namespace

void load_images(std::span<const fs::path> files, const LoadOptions& options,
                 const std::function<void(std::size_t index, Decoded decoded)>& take) {
  const std::size_t cores = static_cast<std::size_t>(usable_cpus());
  const std::size_t wanted = options.threads > 0 ? static_cast<std::size_t>(options.threads) : cores;
  const std::size_t threads = std::max<std::size_t>(1, std::min(wanted, files.size()));
  Ring ring(files.size(), threads * kImagesPerThread);
  const auto work = [&] {
    try {
      while (const std::optional<std::size_t> index = ring.next()) {
        const fs::path& file = files[*index];
        ring.put(*index,
                 options.fit.height > 0 ? try_load_resized(file, options.fit) : try_load(file, options.fit.decode));
      }
    } catch (...) {
      ring.fail(std::current_exception());
    }
  };
  std::vector<std::jthread> workers;
  const StopAtEnd stop{ring};
  for (std::size_t i = 0; i < threads; ++i) workers.emplace_back(work);
  for (std::size_t i = 0; i < files.size(); ++i) take(i, ring.take(i));
}

}  // namespace triage::data
