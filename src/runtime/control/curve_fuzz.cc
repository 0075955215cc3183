// Any bytes as curve.json of a plan of two stages: refused with an Error, or a curve that survives being written and
// read again, and that a controller and an audit can be made of.
#include <cstdlib>

#include "core/error.h"
#include "runtime/control/curve_file.h"
#include "triage/audit.h"
#include "triage/controller.h"

namespace {

triage::plan::Plan pair_of_stages() {
  triage::plan::Plan plan{.name = "pair", .input = {1, 2, 2}, .classes = {"a", "b"}};
  plan.policy = triage::plan::PolicyKind::confidence;
  for (const char* name : {"little", "big"}) {
    triage::plan::Stage stage;
    stage.name = name;
    plan.stages.push_back(stage);
  }
  return plan;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace triage;
  static const plan::Plan plan = pair_of_stages();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  PlanCurve curve;
  try {
    Json json = parse_json(text, "curve.json");
    if (json.is_object()) json["plan"] = runtime::curve_identity(plan);
    curve = runtime::curve_from_json(json, plan, "curve.json");
  } catch (const Error&) {
    return 0;
  }
  const std::string written = runtime::to_json(curve, plan, Json::object()).dump();  // from here on nothing throws
  const PlanCurve again = runtime::curve_from_json(parse_json(written, "curve.json"), plan, "curve.json");
  if (runtime::to_json(again, plan, Json::object()).dump() != written) std::abort();
  auto controller = Controller::make(curve, {.target_us = 1000});
  if (!controller) std::abort();
  controller->arrived(0);
  controller->served(curve.path_us[0], 100);
  controller->decide({.seconds = 1, .waiting = 3});
  auto audit = Audit::make(curve, {});
  if (!audit) std::abort();
  const float score = 0.5f;
  for (int i = 0; i < 2000; ++i) audit->passed({&score, 1});
  const std::vector<float> scores(curve.scores.size(), 0.5f);
  for (int i = 0; i < 400; ++i) audit->sampled(scores);
  audit->compared(0, false);
  if (audit->summary().text.empty()) std::abort();
  return 0;
}
