#include "workflow/search/search_run.h"

#include <algorithm>
#include <iterator>

#include "core/progress.h"
#include "engine/spec.h"
#include "family/fixed/fixed.h"
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
  const supernet::AnyNetworkImpl& network = *supernet.trained.network;
  costing::LayerCostOptions options;
  options.precision = precision;
  options.provider = config.provider;
  options.threads = config.threads;
  options.seconds = config.profile_seconds;
  options.exits = network.exits();
  return measured_layers({.space = supernet.space(), .input = network.input(), .classes = network.classes()}, options,
                         file, config.tuning, {.device = config.device, .devices_file = config.devices_file}, context);
}

// A search's structures: what the configuration says and what the supernets have.
SearchConfig complete_config(SearchConfig config, const OpenSupernets& supernets, const FixedNets& fixed,
                             StopToken stop) {
  search::Structures& structures = config.options.structures;
  config.options.stop = stop;
  if (!fixed.empty() && !config.device.empty())
    fail("{}: search.nets: expected none beside device '{}': they are measured on this machine alone", config.origin,
         config.device);
  structures.spaces = searched_spaces(supernets, fixed);
  structures.fixed_macs = fixed.macs();
  structures.input = supernets.first().trained.network->input();
  structures.classes = supernets.first().trained.network->classes();
  return config;
}

}  // namespace

search::SearchedSpaces searched_spaces(const OpenSupernets& supernets, const FixedNets& fixed) {
  search::SearchedSpaces spaces = supernets.spaces();
  std::ranges::copy(fixed.spaces(), std::back_inserter(spaces));
  return spaces;
}

SearchRun::SearchRun(SearchConfig search_config, fs::path run_directory, const Context& of)
    : run(std::move(run_directory)),
      context(of),
      supernets(search_config.supernets, context),
      fixed(search_config.nets, supernets),
      answers(supernets, fixed),
      config(complete_config(std::move(search_config), supernets, fixed, context.stop)),
      pool(answers, config.options.structures.spaces),
      costs(costs_of(config.provider).costs),
      evaluator(pool, costs, evaluator_options()) {}

std::vector<search::AskedSubnet> initial_nets(const search::SearchOptions& options, std::size_t first,
                                              std::size_t last) {
  const std::vector<family::ArchSpec> subnets = search::JointSearch::initial_subnets(options);
  std::vector<search::AskedSubnet> nets;
  for (std::size_t i = first; i < std::min(last, subnets.size()); ++i) {
    for (const plan::Precision precision : search::precisions_of(subnets[i], options.structures.precisions))
      nets.push_back({subnets[i], precision});
  }
  return nets;
}

// While a device is away the subnets that a search begins with are scored, some at a time.
class SearchRun::Waiting {
 public:
  explicit Waiting(SearchRun& search)
      : search_(search), subnets_(search::JointSearch::initial_subnets(search.config.options)) {}

  // Throws DeviceVanished when all are scored.
  void score(const remote::DeviceVanished& vanished) {
    if (scored_ == subnets_.size()) {
      throw remote::DeviceVanished(
          vanished.problem,
          std::format("{}; all {} subnets that the search begins with are scored, its trials need these costs",
                      vanished.what(), subnets_.size()));
    }
    search_.context.message(std::format("search: {}; it scores subnets and comes back", vanished.what()));
    const std::size_t last = std::min(subnets_.size(), scored_ + piece_);
    search_.score(search_.config.options, subnets_, scored_, last);
    scored_ = last;
    piece_ *= 2;
  }

 private:
  SearchRun& search_;
  std::vector<family::ArchSpec> subnets_;
  std::size_t scored_ = 0, piece_ = kFirstScored;
};

ProviderCosts SearchRun::costs_of(const std::string& provider) {
  refuse_energy(config);
  SearchConfig asked = config;
  asked.provider = provider;
  Waiting waiting(*this);
  std::map<std::string, std::shared_ptr<const cost::CostModel>> families;
  std::optional<cost::MeasuredOn> on;  // of the first table
  std::string origin;
  for (const auto& supernet : supernets.all()) {
    const fs::path directory = supernets.all().size() == 1 ? run : run / supernet->family();
    fs::create_directories(directory);
    std::map<plan::Precision, std::shared_ptr<const cost::CostModel>> models;
    for (const plan::Precision precision : config.options.structures.precisions) {
      const cost::CostKey key = cost::cost_key({}, engine::spec_of_provider(provider).engine, provider, precision,
                                               config.threads, /*batch=*/1);
      const fs::path file =
          directory / cost::layer_costs_name(key, config.device.empty() ? cost::kThisMachine : config.device);
      while (!models.contains(precision)) {
        try {
          const cost::LayerCostTable table = layer_table(asked, precision, file, *supernet, context);
          if (!on) {
            on = cost::measured_on(table);
            origin = file.string();
          }
          cost::require_measured_on(cost::measured_on(table), *on, file.string());
          for (const std::string& text : device_remarks(table)) context.message(text);
          models[precision] = std::make_shared<cost::LayerCosts>(table, file.string());
        } catch (const remote::DeviceVanished& vanished) {
          waiting.score(vanished);
        }
      }
    }
    families[supernet->family()] = std::make_shared<cost::PrecisionCosts>(std::move(models));
  }
  if (!fixed.empty()) families[std::string(family::kFixed)] = fixed.costs(run, config.threads, context);
  return {cost::FamilyCosts(std::move(families)), *on, origin};
}

search::EvaluatorOptions SearchRun::evaluator_options() const {
  return {.input = config.options.structures.input,
          .classes = answers.classes(),
          .axis = config.axis,
          .budgets = config.budgets,
          .max_stages = config.options.structures.max_stages,
          .precisions = config.options.structures.precisions};
}

Json SearchRun::identity(const Json& search, const cost::CostModel& under) const {
  const Json of_supernet = identity_of(supernets);
  Json identity = {{"search", search},
                   {"supernet", of_supernet["supernet"]},
                   {"data", of_supernet["data"]},
                   {"splits", of_supernet["splits"]},
                   {"costs", under.identity()},
                   {"axis", cost::to_string(config.axis)},
                   {"budgets", cost::to_json(config.budgets)}};
  if (!fixed.empty()) identity["nets"] = fixed.identity();
  return identity;
}

void SearchRun::score_initial(const search::SearchOptions& options) {
  const std::vector<family::ArchSpec> subnets = search::JointSearch::initial_subnets(options);
  score(options, subnets, 0, subnets.size());
}

void SearchRun::score(const search::SearchOptions& options, const std::vector<family::ArchSpec>& subnets,
                      std::size_t first, std::size_t last) {
  answers.prepare(initial_nets(options, first, last));
  Progress progress(context, answers.work() != nullptr ? "read answers" : "score subnets", subnets.size(), "subnets",
                    first);
  for (std::size_t done = first; done < last;) {
    for (const plan::Precision precision : search::precisions_of(subnets[done], options.structures.precisions))
      pool.add(subnets[done], precision);
    progress.update(++done);
    if (context.stop.requested() && done < subnets.size()) {
      throw Interrupted(
          std::format("stopped after {} of {} subnets; the same command goes on from here", done, subnets.size()));
    }
  }
  progress.finish();
}

}  // namespace triage::workflow
