#include "core/clock.h"

#include <chrono>

namespace triage {
namespace {

template <class Of>
double seconds_of() {
  return std::chrono::duration<double>(Of::now().time_since_epoch()).count();
}

}  // namespace

double steady_seconds() { return seconds_of<std::chrono::steady_clock>(); }

double wall_seconds() { return seconds_of<std::chrono::system_clock>(); }

}  // namespace triage
