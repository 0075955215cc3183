#include "workflow/build/front_plan.h"

#include <algorithm>

#include "workflow/search/refined_config.h"

namespace triage::workflow {

void require_supernet_of(const search::Front& front, const OpenSupernet& supernet, const fs::path& run) {
  const Json here = identity_of(supernet);
  for (const auto& [key, value] : here.items()) {
    if (!front.identity.contains(key) || front.identity[key] == value) continue;
    fail("{}: was found with another supernet or other data than {}: {}: expected {}, found {}",
         (run / "front.json").string(), supernet.directory.string(), key, front.identity[key].dump(), value.dump());
  }
}

std::vector<StageSource> cut_stages(const OpenSupernet& supernet, const search::Genome& genome) {
  const train::SubnetCutter cutter = supernet.cutter();
  std::vector<StageSource> stages;
  for (std::size_t i = 0; i < genome.nets.size(); ++i) {
    const search::Net& leg = genome.nets[i];
    add_stages(stages, net_name(i), cutter.cut(leg.arch), leg.early, leg.precision);
  }
  return stages;
}

// A device's times say nothing about what is measured here: of its front comes the point, thresholds included, and no
// budget of time holds.
void use_front_of_device(const SearchConfig& config, const fs::path& run, BuildOptions& options,
                         const Context& context) {
  options.target = {};
  options.budgets.mean_latency_us.reset();
  options.budgets.p90_latency_us.reset();
  options.budgets.worst_latency_us.reset();
  context.message(std::format(
      "build: the front's latencies are of {}; those in the plan are measured on this machine, and budgets of latency "
      "are not checked. 'triage profile {} --data FILE --device {}' measures the plan there",
      config.device, (run / "plan").string(), config.device));
}

plan::Plan build_from_front(const SearchConfig& config, const fs::path& run, BuildOptions options, bool other_policy,
                            const Context& context) {
  search::Front front = front_of(run);
  const OpenSupernet supernet(config.supernet, context, train::ComputeType::fp32);
  require_supernet_of(front, supernet, run);
  Workspace workspace(run_config_of(config.supernet), run, context);
  workspace.config.name = config.name;
  options.threads = config.threads;
  const BuildTarget target = options.target;
  if (!config.device.empty()) use_front_of_device(config, run, options, context);
  while (true) {
    const search::FrontPoint& point = point_of(front, target);
    if (!other_policy) options.policy = point.genome.policy;
    options.reach = options.target.latency_us || options.target.accuracy || options.target.max_drop
                        ? std::vector<double>{}
                        : point.reach;
    context.message("building " + point.genome.text());
    try {
      return build_plan(workspace, cut_stages(supernet, point.genome), options);
    } catch (const OverBudget& error) {
      context.message(std::string(error.what()) + "; trying another point of the front");
    }
    front.points.erase(front.points.begin() + (&point - front.points.data()));
  }
}

}  // namespace triage::workflow
