#include <sched.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "measure/latency.h"

namespace triage::measure {

PinnedScope::PinnedScope(const std::vector<int>& cores) {
  if (cores.empty()) return;
  cpu_set_t before, wanted;
  if (sched_getaffinity(0, sizeof(before), &before) != 0) fail("pin: sched_getaffinity: {}", std::strerror(errno));
  CPU_ZERO(&wanted);
  for (const int core : cores) {
    if (core < 0 || core >= CPU_SETSIZE || !CPU_ISSET(core, &before)) {
      fail("pin: core {}: expected one of the {} cores this process may use", core, CPU_COUNT(&before));
    }
    CPU_SET(core, &wanted);
  }
  if (sched_setaffinity(0, sizeof(wanted), &wanted) != 0) fail("pin: sched_setaffinity: {}", std::strerror(errno));
  before_.resize(sizeof(before));
  std::memcpy(before_.data(), &before, sizeof(before));
}

PinnedScope::~PinnedScope() {
  if (before_.empty()) return;
  cpu_set_t before;
  std::memcpy(&before, before_.data(), sizeof(before));
  sched_setaffinity(0, sizeof(before), &before);
}

}  // namespace triage::measure
