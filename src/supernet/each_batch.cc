#include "supernet/each_batch.h"

#include <ATen/core/grad_mode.h>
#include <omp.h>

#include <exception>
#include <mutex>

namespace triage::supernet {

void for_each_batch(at::Device device, std::size_t count, const std::function<void(std::size_t)>& body) {
  const auto threads = static_cast<std::size_t>(omp_get_max_threads());
  if (!device.is_cpu() || threads == 1 || count < threads) {
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < count; ++i) body(i);
    return;
  }
  std::exception_ptr failed;
  std::mutex failing;
#pragma omp parallel for schedule(dynamic)
  for (std::size_t i = 0; i < count; ++i) {
    try {
      const at::NoGradGuard no_grad;  // of this thread
      body(i);
    } catch (...) {
      const std::lock_guard lock(failing);
      if (!failed) failed = std::current_exception();
    }
  }
  if (failed) std::rethrow_exception(failed);
}

OneThread::OneThread() : threads_(omp_get_max_threads()) { omp_set_num_threads(1); }
OneThread::~OneThread() { omp_set_num_threads(threads_); }

}  // namespace triage::supernet
