#include "workflow/build/measure_plan.h"

#include <algorithm>

#include "workflow/cascade/measure_nets.h"
#include "workflow/cascade/prepare_costs.h"

namespace triage::workflow {
namespace {

constexpr std::size_t kTimedImages = 512;

MeasuredImages images_of(const Workspace& w) { return {w.dataset, w.splits.validation, kTimedImages}; }

measure::MeasureOptions measured_for(const Workspace& w, measure::MeasureOptions options) {
  options.max_seconds = w.config.profile_seconds * 3;
  options.min_seconds = w.config.profile_seconds;
  options.stop = w.context.stop;
  return options;
}

}  // namespace

cost::CostTable measure_plan(const Workspace& w, const plan::Plan& plan, const fs::path& directory,
                             measure::ProfileOptions options, const std::function<void(std::size_t)>& progress) {
  const MeasuredImages images = images_of(w);
  options.measure = measured_for(w, options.measure);
  options.behind = true;
  const measure::Profile measured = measure::profile_stages(plan, directory, images.get(), options, progress);
  cost::save_cost_table(directory / "costs.json", measured.table);
  return measured.table;
}

void measure_preprocessing(const Workspace& w, plan::Plan& plan) {
  if (std::ranges::none_of(plan.stages, [](const plan::Stage& stage) { return stage.preprocess.has_value(); })) return;
  const MeasuredImages images = images_of(w);
  add_prepare_costs(plan, images.get(), measured_for(w, {}));
}

}  // namespace triage::workflow
