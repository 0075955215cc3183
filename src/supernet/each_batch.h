// Work on many batches, side by side: a thread each, which waits for no other between one layer and the next. Beside
// other programs that may count: threads that share a layer all wait for the one that was put off, at every layer.
#pragma once

#include <c10/core/Device.h>

#include <cstddef>
#include <functional>

namespace triage::supernet {

// Calls body(i) for every i < count, on the OpenMP pool's threads and there on one thread each; one after the other, on
// all threads, where there are more threads than calls or `device` is not the CPU. Without gradients. An exception is
// thrown on when all have ended.
void for_each_batch(at::Device device, std::size_t count, const std::function<void(std::size_t)>& body);

// While it lives what the caller calls has one thread, as the bodies above.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int threads_;
};

}  // namespace triage::supernet
