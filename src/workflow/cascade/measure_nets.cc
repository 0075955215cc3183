#include "workflow/cascade/measure_nets.h"

#include <algorithm>

#include "core/progress.h"
#include "workflow/build/attach_costs.h"
#include "workflow/cascade/prepare_costs.h"

namespace triage::workflow {
namespace {

constexpr std::size_t kMeasuredImages = 256, kHeldBytes = 1 << 29;

}  // namespace

MeasuredImages::MeasuredImages(const data::Dataset& dataset, std::span<const std::uint32_t> images, std::size_t count)
    : held_(dataset, images.first(std::min(images.size(), count)), kHeldBytes) {}

void measure_nets(plan::Plan& plan, const fs::path& directory, const data::Dataset& dataset,
                  std::span<const std::uint32_t> images, const NetMeasuring& choice) {
  const MeasuredImages measured(dataset, images, kMeasuredImages);
  measure::ProfileOptions options;
  options.threads = {choice.threads};
  options.behind = true;
  options.measure.min_seconds = choice.seconds;
  options.measure.max_seconds = 3 * choice.seconds;
  options.measure.stop = choice.context.stop;
  Progress progress(choice.context, "measure", 0, "rounds");
  const measure::Profile profile = measure::profile_stages(plan, directory, measured.get(), options,
                                                           [&](std::size_t round) { progress.update(round); });
  progress.finish();
  cost::save_cost_table(directory / "costs.json", profile.table);
  attach_costs(plan, profile.table, choice.threads);
  add_prepare_costs(plan, measured.get(), options.measure);
  for (const std::string& text : measure::disturbed_rows(profile.table)) choice.context.message("warning: " + text);
}

}  // namespace triage::workflow
