#include "cli/search_run.h"

#include "core/progress.h"
#include "plan/layer_costs.h"
#include "profile/energy_source.h"
#include "profile/layer_costs.h"

namespace triage::cli {
namespace {

// Layers are measured by time alone: a search by energy is refused before it costs minutes.
void refuse_energy(const SearchConfig& config) {
  if (config.axis != search::CostAxis::energy && !config.budgets.mean_energy_uj) return;
  const profile::FoundEnergy energy = profile::find_energy("auto");
  fail("{}: {}: expected a cost that the search can predict, found energy ({})", config.origin,
       config.axis == search::CostAxis::energy ? "search.axis" : "search.budget.mean_energy_uj",
       energy.source ? "of layers it is not available, of built plans from " + energy.text : energy.text);
}

std::shared_ptr<const plan::CostModel> layer_costs(const SearchConfig& config, plan::Precision precision,
                                                   const fs::path& run, const OpenSupernet& supernet) {
  const fs::path file = run / plan::layer_costs_name(precision);
  profile::LayerCostOptions options;
  options.precision = precision;
  options.threads = config.threads;
  options.seconds = config.profile_seconds;
  options.exits = supernet.trained.network->options().exits;
  std::optional<Progress> progress;
  const plan::LayerCostTable table = profile::measure_layer_costs(
      supernet.space(), supernet.trained.network->input(), supernet.trained.network->classes(), options, file,
      [&](std::uint64_t done, std::uint64_t total) {
        if (!progress) progress.emplace("measure layers in " + plan::to_string(precision), total, "visits", done);
        progress->update(done);
      });
  if (progress) progress->finish();
  return std::make_shared<plan::LayerCosts>(table, file.string());
}

plan::PrecisionCosts all_costs(const SearchConfig& config, const fs::path& run, const OpenSupernet& supernet) {
  refuse_energy(config);
  std::map<plan::Precision, std::shared_ptr<const plan::CostModel>> models;
  for (const plan::Precision precision : config.options.structures.precisions)
    models[precision] = layer_costs(config, precision, run, supernet);
  return plan::PrecisionCosts(std::move(models));
}

// A search's structures: what the configuration says and what the supernet has.
SearchConfig complete_config(SearchConfig config, const OpenSupernet& supernet, const SupernetAnswers& answers) {
  config.options.structures.space = supernet.space();
  config.options.structures.input = supernet.trained.network->input();
  config.options.structures.exits = answers.exits();
  return config;
}

}  // namespace

ShownAxis shown(search::CostAxis axis) {
  switch (axis) {
    case search::CostAxis::latency:
      return {1, "us", "mean latency (us)"};
    case search::CostAxis::macs:
      return {1e6, "MMAC", "mean multiply-adds (million)"};
    case search::CostAxis::energy:
      break;
  }
  return {1, "uJ", "mean energy (uJ)"};
}

SearchRun::SearchRun(SearchConfig search_config, fs::path run_directory)
    : config(std::move(search_config)),
      run(std::move(run_directory)),
      supernet(config.supernet),
      answers(supernet),
      costs(all_costs(config, run, supernet)),
      pool(answers, supernet.space(), answers.exits()),
      evaluator(pool, costs, evaluator_options()) {
  config = complete_config(std::move(config), supernet, answers);
}

search::EvaluatorOptions SearchRun::evaluator_options() const {
  return {.input = supernet.trained.network->input(),
          .classes = answers.classes(),
          .axis = config.axis,
          .budgets = config.budgets,
          .most_stages = config.options.structures.most_stages,
          .precisions = config.options.structures.precisions};
}

Json SearchRun::identity(const Json& search) const {
  const Workspace& w = supernet.workspace;
  const data::SplitOptions& splits = w.config.splits;
  return {{"search", search},
          {"supernet", supernet.trained.sha256},
          {"data", w.dataset.info().sha256},
          {"splits", {{"route", splits.route}, {"validation", splits.validation}, {"seed", splits.seed}}},
          {"costs", costs.identity()},
          {"axis", search::to_string(config.axis)},
          {"budgets", search::to_json(config.budgets)}};
}

void SearchRun::score_initial(const search::SearchOptions& options) {
  const std::vector<plan::ArchSpec> subnets = search::JointSearch::initial_subnets(options);
  std::size_t done = 0;
  Progress progress("score subnets", subnets.size(), "subnets");
  for (const plan::ArchSpec& subnet : subnets) {
    for (const plan::Precision precision : options.structures.precisions) pool.add(subnet, precision);
    progress.update(++done);
    if (stop_requested() && done < subnets.size()) {
      throw Interrupted(
          std::format("stopped after {} of {} subnets; the same command goes on from here", done, subnets.size()));
    }
  }
  progress.finish();
}

}  // namespace triage::cli
