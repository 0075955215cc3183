#include "workflow/build/build_run.h"

#include <algorithm>

#include "workflow/build/front_plan.h"

namespace triage::workflow {
namespace {

plan::Plan build_of_search(const fs::path& run, const BuildRequest& request, BuildOptions options,
                           const Context& context) {
  const FileLock lock = lock_run(run);
  const SearchConfig config = load_search_config(run / "config.toml");
  options.target = request.target.value_or(BuildTarget{});
  options.budgets = limited(config.budgets, request.max_mmac);
  options.metric = request.metric.value_or(options.metric);
  options.policy = request.policy.value_or(options.policy);
  if (request.precision)
    throw UsageError("--precision: of a search's plans the search decides; found one for " + run.string());
  return build_from_front(config, run, options, request.policy.has_value(), context);
}

plan::Plan build_of_networks(const fs::path& run, const BuildRequest& request, BuildOptions options,
                             const Context& context) {
  const RunConfig config = resolve_precision(run_config_of(run), run);
  options.policy = request.policy.value_or(config.policy);
  options.answers_together = config.answers_together;
  options.single_net = config.single_net;
  options.metric = request.metric.value_or(config.metric);
  options.target = request.target.value_or(config.target);
  options.budgets = limited(config.budgets, request.max_mmac);
  const FileLock lock = open_run(run, config);
  const Workspace workspace(config, run, context);
  std::vector<StageSource> stages = trained_stages(workspace);
  for (StageSource& stage : stages) stage.precision = request.precision.value_or(stage.precision);
  return build_plan(workspace, std::move(stages), options);
}

}  // namespace

cost::Budgets limited(cost::Budgets budgets, std::optional<double> max_mmac) {
  if (max_mmac) budgets.mean_macs = std::min(*max_mmac * 1e6, budgets.mean_macs.value_or(*max_mmac * 1e6));
  return budgets;
}

plan::Plan build_run(const fs::path& run, const BuildRequest& request, const Context& context) {
  const BuildOptions options{.threads = request.threads, .remeasure = request.remeasure, .energy = request.energy};
  return is_search_config(run / "config.toml") ? build_of_search(run, request, options, context)
                                               : build_of_networks(run, request, options, context);
}

}  // namespace triage::workflow
