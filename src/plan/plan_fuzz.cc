// Any bytes as plan.json: refused with an Error, or a plan that survives being written and read again.
#include <cstdlib>

#include "core/error.h"
#include "plan/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace triage;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  plan::Plan plan;
  try {
    plan = plan::plan_from_json(parse_json(text, "plan.json"), "plan.json");
  } catch (const Error&) {
    return 0;
  }
  const std::string written = to_json(plan).dump();  // an exception from here on ends the process
  const plan::Plan again = plan::plan_from_json(parse_json(written, "plan.json"), "plan.json");
  if (to_json(again).dump() != written) std::abort();
  return 0;
}
