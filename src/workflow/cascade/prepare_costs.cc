#include "workflow/cascade/prepare_costs.h"

#include "measure/stages/stage_runner.h"
#include "runtime/image_inputs.h"

namespace triage::workflow {
namespace {

// A network takes some time, too; both are measured, one after the other, and a machine may be disturbed meanwhile.
constexpr double kMostOfStage = 0.95;

}  // namespace

void add_prepare_costs(plan::Plan& plan, measure::Images images, const measure::MeasureOptions& options) {
  const runtime::ImageInputs inputs(plan);
  std::vector<double> us;
  preprocess::Scratch scratch;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const int input = static_cast<int>(k);
    std::vector<float> made(inputs.elements(input));
    const auto once = [&](std::size_t run) {
      inputs.convert(input, measure::image_at(images, run), made.data(), scratch);
    };
    us.push_back(measure::measure(once, options).latency_us.mean);
  }
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    if (inputs.of_stage(s) < 0) continue;
    plan::MeasuredCost& cost = *plan.stages[s].cost;
    cost.prepare_us = std::min(us[static_cast<std::size_t>(inputs.of_stage(s))], kMostOfStage * cost.latency_us.mean);
  }
}

}  // namespace triage::workflow
