// An opened search: its supernets, answers, costs and study. What `triage search` and `triage build` of its run share.
#pragma once

#include <limits>

#include "cost/family_costs.h"
#include "cost/precision_costs.h"
#include "cost_tables/measured_on.h"
#include "workflow/config/search_config.h"
#include "workflow/search/front/shown_axis.h"
#include "workflow/search/supernet_answers.h"

namespace triage::workflow {

struct ProviderCosts {
  cost::FamilyCosts costs;
  cost::MeasuredOn on;
  std::string origin;  // a table's file
};

// What a search draws nets from: the supernets, and the nets that it takes as they are.
search::SearchedSpaces searched_spaces(const OpenSupernets& supernets, const FixedNets& fixed);

// The subnets that a search begins with, [first, last) of them, in each precision. Of options with their space.
std::vector<search::AskedSubnet> initial_nets(const search::SearchOptions& options, std::size_t first = 0,
                                              std::size_t last = std::numeric_limits<std::size_t>::max());

class SearchRun {
 public:
  // Measures the layers' costs in each precision where RUN/layer_costs*.json (of several supernets
  // RUN/FAMILY/layer_costs*.json) is not complete. While the configuration's
  // device is away it scores the subnets that a search begins with, some at a time, and comes back to the device;
  // throws DeviceVanished when it is still away and all are scored: nothing that was measured or scored is lost.
  SearchRun(SearchConfig search_config, fs::path run_directory, const Context& context);

  fs::path run;
  Context context;
  OpenSupernets supernets;
  FixedNets fixed;
  SupernetAnswers answers;
  SearchConfig config;
  search::NetPool pool;
  cost::FamilyCosts costs;
  search::EvaluatorOptions evaluator_options() const;
  search::Evaluator evaluator;

  Json identity() const { return identity(search::to_json(config.options)); }  // of the study
  // Of another search on the same answers.
  Json identity(const Json& search) const { return identity(search, costs); }
  Json identity(const Json& search, const cost::CostModel& under) const;
  // Under which another search may look at the same answers; measured as the constructor does where tables are missing.
  ProviderCosts costs_of(const std::string& provider);
  // Scores the subnets that a search begins with; those that are in the store already cost nothing.
  void score_initial() { score_initial(config.options); }
  void score_initial(const search::SearchOptions& options);

 private:
  class Waiting;
  void score(const search::SearchOptions& options, const std::vector<family::ArchSpec>& subnets, std::size_t first,
             std::size_t last);
};

}  // namespace triage::workflow
