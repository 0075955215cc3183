#include "cli/front_plan.h"

#include <cstdio>

namespace triage::cli {

std::vector<StageSource> cut_stages(const OpenSupernet& supernet, const search::Genome& genome) {
  const train::SubnetCutter cutter = supernet.cutter();
  std::vector<StageSource> stages;
  for (const search::Leg& leg : genome.legs) {
    supernet::Network network = cutter.cut(leg.arch);
    std::vector<int> ends = leg.early;
    ends.push_back(static_cast<int>(leg.arch.blocks.size()) - 1);
    for (std::size_t i = 0; i < ends.size(); ++i) {
      StageSource& stage = stages.emplace_back(std::format("stage{}", stages.size() + 1), network);
      stage.first_block = i > 0 ? ends[i - 1] + 1 : 0;
      stage.last_block = i + 1 < ends.size() ? ends[i] + 1 : -1;
      stage.source = i > 0 ? static_cast<int>(stages.size()) - 2 : -1;
      stage.carry = i + 1 < ends.size();
    }
  }
  return stages;
}

plan::Plan build_from_front(const SearchConfig& config, const fs::path& run, BuildOptions options, bool any_policy) {
  const fs::path file = run / "front.json";
  if (!fs::exists(file))
    fail("{}: expected the front of a search, found none; run 'triage search' first", file.string());
  search::Front front = search::load_front(file);
  const OpenSupernet supernet(config.supernet, train::Precision::fp32);
  Workspace workspace(run_config_of(config.supernet), run);
  workspace.config.name = config.name;
  options.budgets = config.budgets;
  options.threads = config.threads;
  while (true) {
    const search::FrontPoint& point =
        options.target.latency_us
            ? search::most_accurate_below(front, search::CostAxis::latency, *options.target.latency_us)
        : options.target.accuracy ? search::cheapest_above(front, *options.target.accuracy)
                                  : search::knee_of(front);
    if (!any_policy) options.policy = point.genome.policy;
    options.reach = options.target.latency_us || options.target.accuracy ? std::vector<double>{} : point.reach;
    std::fprintf(stderr, "building %s\n", point.genome.text().c_str());
    try {
      return build_plan(workspace, cut_stages(supernet, point.genome), options);
    } catch (const OverBudget& error) {
      std::fprintf(stderr, "%s; trying another point of the front\n", error.what());
    }
    front.points.erase(front.points.begin() + (&point - front.points.data()));
  }
}

}  // namespace triage::cli
