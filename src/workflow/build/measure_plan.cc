#include "workflow/build/measure_plan.h"

#include <algorithm>

namespace triage::workflow {
namespace {

constexpr std::size_t kMeasuredImages = 512;

}  // namespace

cost::CostTable measure_plan(const Workspace& w, const plan::Plan& plan, const fs::path& directory,
                             measure::ProfileOptions options, const std::function<void(std::size_t)>& progress) {
  const std::size_t count = std::min(kMeasuredImages, w.splits.validation.size());
  const std::vector<std::uint8_t> pixels = w.dataset.pixels(std::span(w.splits.validation).first(count));
  const measure::Images images{pixels, static_cast<int>(count), plan.input.height, plan.input.width,
                               plan.input.channels};
  options.measure.max_seconds = w.config.profile_seconds * 3;
  options.measure.min_seconds = w.config.profile_seconds;
  options.measure.stop = w.context.stop;
  const measure::Profile measured = measure::profile_stages(plan, directory, images, options, progress);
  cost::save_cost_table(directory / "costs.json", measured.table);
  return measured.table;
}

}  // namespace triage::workflow
