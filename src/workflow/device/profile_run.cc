#include "workflow/device/profile_run.h"

#include <algorithm>

#include "core/progress.h"
#include "core/rng.h"
#include "engine/spec.h"
#include "measure/stages/memory.h"
#include "measure/stages/stage_engine.h"
#include "workflow/device/measuring_program.h"

namespace triage::workflow {
namespace {

constexpr std::uint32_t kImages = 512;
constexpr std::size_t kShippedBytes = std::size_t{1} << 28;  // of decoded photographs; a device gets them, too

}  // namespace

data::HeldImages profiled_images(const data::Dataset& dataset, const std::string& split) {
  const data::DatasetInfo& info = dataset.info();
  const std::uint32_t first = split == "test" ? info.test_first() : 0;
  const std::uint32_t available = split == "test" ? info.test_count : info.train_count;
  if (available == 0) fail("--images {}: data set '{}' has no such images", split, info.name);
  std::vector<std::uint32_t> order = random_permutation(available, derive_seed(1, "profile"));
  order.resize(std::min(kImages, available));
  for (std::uint32_t& index : order) index += first;
  return {dataset, order, kShippedBytes};
}

cost::CostTable profile_run(const fs::path& plan, const data::Dataset& dataset, const ProfileRequest& request,
                            const Context& context) {
  if (!plan::load_plan(plan).input.any_size()) dataset.require_raw();
  const data::HeldImages held = profiled_images(dataset, request.images);
  const measure::Images images = held.views();

  EnergyChoice energy = request.energy;
  energy.places.stop = context.stop;
  measure::ProfileOptions options = request.options;
  options.measure.stop = context.stop;
  options.energy_options = energy.options();
  const auto measure_here = [&] {
    const measure::FoundEnergy source = energy.find();
    if (energy.wanted) options.energy = &source;
    Progress progress(context, "profile", 0, "rounds");
    cost::CostTable here =
        measure::profile_plan(plan, images, options, [&](std::size_t round) { progress.update(round); }).table;
    progress.finish();
    return here;
  };
  cost::CostTable table = request.remote.device.empty()
                              ? measure_here()
                              : measure_remotely(request.remote, plan, images, options,
                                                 energy.wanted ? energy.source : std::string(), context);
  if (request.memory)
    table.memory = measure::measure_memory(measuring_program(), plan, images,
                                           engine::spec_of_provider(options.provider).engine, context.stop);
  return table;
}

}  // namespace triage::workflow
