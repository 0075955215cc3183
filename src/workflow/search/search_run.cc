#include "workflow/search/search_run.h"

#include "core/progress.h"
#include "engine/spec.h"
#include "measure/energy/energy_source.h"
#include "measure/stages/stage_engine.h"
#include "remote/ssh.h"
#include "workflow/search/layer_table.h"

namespace triage::workflow {
namespace {

constexpr std::size_t kFirstScored = 16;  // subnets, before it comes back to a device; then twice as many

// Layers are measured by time alone: a search by energy is refused before it costs minutes.
void refuse_energy(const SearchConfig& config) {
  if (config.axis != cost::CostAxis::energy && !config.budgets.mean_energy_uj) return;
  const measure::FoundEnergy energy = measure::find_energy("auto");
  fail("{}: {}: expected a cost that the search can predict, found energy ({})", config.origin,
       config.axis == cost::CostAxis::energy ? "search.axis" : "search.budget.mean_energy_uj",
       energy.source ? "of layers it is not available, of built plans from " + energy.text : energy.text);
}

cost::LayerCostTable layer_table(const SearchConfig& config, plan::Precision precision, const fs::path& file,
                                 const OpenSupernet& supernet, const Context& context) {
  const supernet::Network& network = supernet.trained.network;
  costing::LayerCostOptions options;
  options.precision = precision;
  options.provider = config.provider;
  options.threads = config.threads;
  options.seconds = config.profile_seconds;
  options.exits = network->options().exits;
  return measured_layers({.space = supernet.space(), .input = network->input(), .classes = network->classes()}, options,
                         file, config.tuning, {.device = config.device, .devices_file = config.devices_file}, context);
}

// A search's structures: what the configuration says and what the supernet has.
SearchConfig complete_config(SearchConfig config, const OpenSupernet& supernet, const SupernetAnswers& answers,
                             StopToken stop) {
  config.options.stop = stop;
  config.options.structures.space = supernet.space();
  config.options.structures.input = supernet.trained.network->input();
  config.options.structures.exits = answers.exits();
  return config;
}

}  // namespace

SearchRun::SearchRun(SearchConfig search_config, fs::path run_directory, const Context& of)
    : run(std::move(run_directory)),
      context(of),
      supernet(search_config.supernet, context),
      answers(supernet),
      config(complete_config(std::move(search_config), supernet, answers, context.stop)),
      pool(answers, supernet.space(), answers.exits()),
      costs(costs_of(config.provider).costs),
      evaluator(pool, costs, evaluator_options()) {}

ProviderCosts SearchRun::costs_of(const std::string& provider) {
  refuse_energy(config);
  SearchConfig asked = config;
  asked.provider = provider;
  const std::vector<plan::ArchSpec> subnets = search::JointSearch::initial_subnets(config.options);
  std::map<plan::Precision, std::shared_ptr<const cost::CostModel>> models;
  std::optional<cost::MeasuredOn> on;  // of the first table
  std::string origin;
  std::size_t scored = 0, piece = kFirstScored;
  for (const plan::Precision precision : config.options.structures.precisions) {
    const cost::CostKey key =
        cost::cost_key({}, engine::spec_of_provider(provider).engine, provider, precision, config.threads, /*batch=*/1);
    const fs::path file = run / cost::layer_costs_name(key, config.device.empty() ? cost::kThisMachine : config.device);
    while (!models.contains(precision)) {
      try {
        const cost::LayerCostTable table = layer_table(asked, precision, file, supernet, context);
        if (!on) {
          on = cost::measured_on(table);
          origin = file.string();
        }
        cost::require_measured_on(cost::measured_on(table), *on, file.string());
        for (const std::string& text : device_remarks(table)) context.message(text);
        models[precision] = std::make_shared<cost::LayerCosts>(table, file.string());
      } catch (const remote::DeviceVanished& vanished) {
        if (scored == subnets.size()) {
          throw remote::DeviceVanished(
              vanished.problem,
              std::format("{}; all {} subnets that the search begins with are scored, its trials need these costs",
                          vanished.what(), subnets.size()));
        }
        context.message(std::format("search: {}; it scores subnets and comes back", vanished.what()));
        const std::size_t last = std::min(subnets.size(), scored + piece);
        score(config.options, subnets, scored, last);
        scored = last;
        piece *= 2;
      }
    }
  }
  return {cost::PrecisionCosts(std::move(models)), *on, origin};
}

search::EvaluatorOptions SearchRun::evaluator_options() const {
  return {.input = supernet.trained.network->input(),
          .classes = answers.classes(),
          .axis = config.axis,
          .budgets = config.budgets,
          .max_stages = config.options.structures.max_stages,
          .precisions = config.options.structures.precisions};
}

Json SearchRun::identity(const Json& search, const cost::CostModel& under) const {
  const Json of_supernet = identity_of(supernet);
  return {{"search", search},
          {"supernet", of_supernet["supernet"]},
          {"data", of_supernet["data"]},
          {"splits", of_supernet["splits"]},
          {"costs", under.identity()},
          {"axis", cost::to_string(config.axis)},
          {"budgets", cost::to_json(config.budgets)}};
}

void SearchRun::score_initial(const search::SearchOptions& options) {
  const std::vector<plan::ArchSpec> subnets = search::JointSearch::initial_subnets(options);
  score(options, subnets, 0, subnets.size());
}

void SearchRun::score(const search::SearchOptions& options, const std::vector<plan::ArchSpec>& subnets,
                      std::size_t first, std::size_t last) {
  Progress progress(context, "score subnets", subnets.size(), "subnets", first);
  for (std::size_t done = first; done < last;) {
    for (const plan::Precision precision : options.structures.precisions) pool.add(subnets[done], precision);
    progress.update(++done);
    if (context.stop.requested() && done < subnets.size()) {
      throw Interrupted(
          std::format("stopped after {} of {} subnets; the same command goes on from here", done, subnets.size()));
    }
  }
  progress.finish();
}

}  // namespace triage::workflow
