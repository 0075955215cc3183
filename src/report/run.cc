#include "report/run.h"

#include <algorithm>
#include <format>

#include "cost_tables/cost_table.h"

namespace triage::report {
namespace {

// Null: the results have no stage of this name.
StageDetails* details_of(Run& run, const std::string& stage) {
  const std::vector<StageFigures>& known = run.results.plan.stages;
  const auto found = std::ranges::find(known, stage, &StageFigures::name);
  return found == known.end() ? nullptr : &run.stages[static_cast<std::size_t>(found - known.begin())];
}

void add_measured(const plan::Plan& plan, Run& run) {
  for (const plan::Stage& stage : plan.stages) {
    StageDetails* const details = details_of(run, stage.name);
    if (details == nullptr) continue;
    details->precision = stage.precision;
    details->measured = stage.cost;
  }
}

// What ran a stage when the costs of its plan were measured.
void add_engines(const cost::CostTable& costs, Run& run) {
  for (const cost::CostSample& entry : costs.entries) {
    StageDetails* const details = details_of(run, entry.key.stage);
    const std::string text = std::format("{}, {}", entry.key.engine, entry.key.provider);
    if (details == nullptr || details->engine.find(text) != std::string::npos) continue;
    details->engine += (details->engine.empty() ? "" : "; ") + text;
  }
}

}  // namespace

Run load_run(const fs::path& run_directory) {
  const bool is_plan = fs::exists(run_directory / "plan.json");  // else its plan lies below it
  const fs::path file = run_directory / "results.json", plan = is_plan ? run_directory : run_directory / "plan",
                 costs = run_directory / "costs.json", log = run_directory / "metrics.jsonl";
  if (!fs::exists(file)) fail("{}: not found; `triage eval` writes it, a report needs it", file.string());
  Run run{.results = results::load_results(file)};
  run.stages.resize(run.results.plan.stages.size());
  if (fs::exists(plan / "plan.json")) add_measured(plan::load_plan(plan), run);
  if (fs::exists(costs)) add_engines(cost::load_cost_table(costs), run);
  if (fs::exists(log)) run.training = results::load_training_log(log);
  return run;
}

}  // namespace triage::report
