// Any bytes as a meter's file: refused with an Error, or samples whose energy is finite and not negative.
#include <cmath>
#include <cstdlib>

#include "core/error.h"
#include "measure/energy/energy_meter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace triage;
  try {
    const auto trace = measure::parse_meter({reinterpret_cast<const char*>(data), size}, "meter.csv", 0.5);
    if (trace.empty()) return 0;
    const double middle = (trace.first() + trace.last()) / 2;
    measure::utc_text(middle);
    const double joules = trace.joules(middle, trace.last());
    if (!std::isfinite(joules) || joules < 0) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
