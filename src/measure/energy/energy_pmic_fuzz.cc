// Any bytes as what vcgencmd prints: refused with an Error, or watts of 0 or more.
#include <cstdlib>

#include "core/error.h"
#include "measure/energy/energy_sensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace triage;
  try {
    if (!(measure::pmic_watts({reinterpret_cast<const char*>(data), size}, "vcgencmd") >= 0)) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
