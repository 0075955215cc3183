// Clocks in seconds. What waits or measures takes a Clock, so that tests hand in a time of their own.
#pragma once

#include <functional>

namespace triage {

using Clock = std::function<double()>;  // seconds

double steady_seconds();  // monotonic, since some moment of this machine
double wall_seconds();    // since 1970; jumps when somebody sets the clock

inline double seconds_since(double start) { return steady_seconds() - start; }  // start: of steady_seconds()

}  // namespace triage
