#include "workflow/build/attach_costs.h"

#include <algorithm>
#include <format>

#include "core/warning.h"
#include "measure/stages/stage_engine.h"
#include "measure/stages/stages.h"

namespace triage::workflow {
namespace {

// In the order of the plan's stages; empty where some were not measured behind each other.
std::vector<double> behind_us(const plan::Plan& plan, const cost::CostSample& sample) {
  std::vector<double> us;
  for (const plan::Stage& other : plan.stages) {
    const auto found = std::ranges::find(sample.behind, other.name, &cost::BehindTime::stage);
    if (other.name == sample.key.stage) {
      us.push_back(sample.latency_us.mean);
    } else if (found == sample.behind.end()) {
      return {};
    } else {
      us.push_back(found->us);
    }
  }
  return us.size() > 1 ? us : std::vector<double>();
}

}  // namespace

void attach_costs(plan::Plan& plan, const cost::CostTable& table, int threads) {
  for (plan::Stage& stage : plan.stages) {
    const cost::CostSample* sample =
        table.find(measure::row_key(measure::ProfileOptions().provider, &stage, threads, /*batch=*/1));
    if (!sample) fail("costs.json: expected an entry for stage '{}' at {} threads, found none", stage.name, threads);
    stage.cost = plan::MeasuredCost{.latency_us = sample->latency_us,
                                    .behind_us = behind_us(plan, *sample),
                                    .first_inference_us = sample->first_inference_us,
                                    .load_ms = sample->load_ms};
    if (!sample->energy) continue;
    if (sample->energy->net_uj > 0) {
      stage.cost->energy_uj = sample->energy->net_uj;
    } else {
      warn(std::format("the energy of stage '{}' is lost in the idle machine's noise; the plan has none", stage.name));
    }
  }
}

}  // namespace triage::workflow
