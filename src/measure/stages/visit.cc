#include "measure/stages/visit.h"

#include "core/error.h"
#include "measure/stages/node_times.h"

namespace triage::measure {

Visit visit_stage(const OpenSession& open, const std::string& origin, StageUse use, Images images,
                  const std::vector<float>* maps, const VisitOptions& options) {
  if (options.by_node && options.measure.settle_runs != 0) {
    fail("{}: measure.settle_runs: found {}, expected 0 where the engine's profiler times the nodes", origin,
         options.measure.settle_runs);
  }
  Visit visit;
  std::optional<ProfileDirectory> profiles;
  if (options.by_node) profiles.emplace();
  std::size_t started = 0;
  {
    const double start = steady_seconds();
    auto session = open(profiles ? profiles->prefix() : std::string());
    visit.load_ms = (steady_seconds() - start) * 1e3;
    StageRunner runner(std::move(session), origin, std::move(use), images, maps);
    const auto run = [&](std::size_t index) {
      started = index + 1;
      runner.run(index, options.batch);
    };
    visit.measured = measure(run, options.measure);
  }  // the profile is written when its session goes
  if (profiles) {
    visit.nodes = node_times(profiles->take(), started - visit.measured.samples_us.size(), origin);
  }
  return visit;
}

}  // namespace triage::measure
