// An opened search: its supernet, answers, costs and study. What `triage search` and `triage build` of its run share.
#pragma once

#include "cli/search_config.h"
#include "cli/supernet_answers.h"
#include "plan/precision_costs.h"

namespace triage::cli {

struct ShownAxis {
  double scale;  // a cost over this is shown in `unit`
  const char *unit, *title;
};
ShownAxis shown(search::CostAxis axis);

class SearchRun {
 public:
  // Measures the layers' costs in each precision where RUN/layer_costs*.json is not there yet.
  SearchRun(SearchConfig search_config, fs::path run_directory);

  SearchConfig config;
  fs::path run;
  OpenSupernet supernet;
  SupernetAnswers answers;
  plan::PrecisionCosts costs;
  search::NetPool pool;
  search::EvaluatorOptions evaluator_options() const;
  search::Evaluator evaluator;

  Json identity() const { return identity(search::to_json(config.options)); }  // of the study
  Json identity(const Json& search) const;  // of another search on the same answers and costs
  // Scores the subnets that a search begins with; those that are in the store already cost nothing.
  void score_initial() { score_initial(config.options); }
  void score_initial(const search::SearchOptions& options);
};

}  // namespace triage::cli
