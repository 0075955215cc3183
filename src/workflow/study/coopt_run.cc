#include "workflow/study/coopt_run.h"

#include <deque>

#include "core/files/new_files.h"
#include "core/progress.h"
#include "workflow/config/run_config.h"

namespace triage::workflow {
namespace {

struct CostModel {
  std::string name;
  ProviderCosts measured;
  search::Evaluator coarse, fine;  // of a search; of regret

  CostModel(SearchRun& opened, const std::string& provider)
      : name(provider),
        measured(opened.costs_of(provider)),
        coarse(opened.pool, measured.costs, opened.evaluator_options()),
        fine(opened.pool, measured.costs, fine_options(opened)) {}
  static search::EvaluatorOptions fine_options(const SearchRun& opened) {
    search::EvaluatorOptions options = opened.evaluator_options();
    options.levels = search::kRegretLevels;
    options.lowest = search::kRegretLowest;
    return options;
  }
};
using CostModels = std::deque<CostModel>;  // evaluators refer to the costs beside them

// Its searches see the same subnets: what differs is what they believe about costs.
std::vector<search::Front> search_seed(SearchRun& opened, const CostModels& models,
                                       const search::SearchOptions& options) {
  const fs::path directory = opened.run / "coopt";
  fs::create_directories(directory);
  opened.score_initial(options);
  std::vector<search::Front> fronts;
  for (const CostModel& model : models) {
    const Json identity = opened.identity(search::to_json(options), model.measured.costs);
    search::Study study((directory / std::format("{}_{}.sqlite", model.name, options.seed)).string(),
                        opened.config.name, identity);
    Progress progress(opened.context, std::format("seed {} {}", options.seed, model.name), options.max_trials, "trials",
                      study.size());
    fronts.push_back(search::search_all_trials(study, model.coarse, options,
                                               [&](std::uint64_t trials) { progress.update(trials); }));
    progress.finish();
    fronts.back().identity = identity;
    if (fronts.back().points.empty()) search::knee_of(fronts.back());  // tells why there is no plan
  }
  return fronts;
}

Json with_origin(Json json, const CostModels& models, const std::string& command) {
  json["costs"] = Json::array();
  for (const CostModel& model : models) {
    json["costs"].push_back({{"model", model.name},
                             {"identity", model.measured.costs.identity()},
                             {"device", model.measured.on.device},
                             {"engine_version", model.measured.on.engine_version},
                             {"machine", model.measured.on.machine}});
  }
  json["command"] = command;
  json["git"] = git_revision();
  json["date"] = iso_time_now();
  return json;
}

}  // namespace

CooptFiles run_coopt(SearchConfig config, const fs::path& run, const CooptRequest& request, const std::string& command,
                     const Context& context) {
  deployed_of(request);
  if (config.axis == cost::CostAxis::macs) {
    fail("{}: search.axis: expected latency, found {}, which is the same under all cost models", config.origin,
         cost::to_string(config.axis));
  }
  config.provider = request.deployed;
  keep_config(run, config.text, config.origin);
  SearchRun opened(config, run, context);
  CostModels models;
  std::vector<CooptModel> fine;
  for (const std::string& provider : request.costs) {
    models.emplace_back(opened, provider);
    const ProviderCosts &first = models.front().measured, &measured = models.back().measured;
    cost::require_same_machine(measured.on, first.on, measured.origin + ", beside " + first.origin);
    fine.push_back({provider, &models.back().fine});
  }
  CooptFiles done{.coopt = coopt_searches(
                      request, fine, opened.config.options, opened.config.axis,  // with the space of its supernet
                      [&](const search::SearchOptions& options) { return search_seed(opened, models, options); }),
                  .written = {}};
  done.written = with_origin(to_json(done.coopt), models, command);
  NewFiles files(run, "coopt");
  write_json(files.path() / "coopt.json", done.written);
  draw_coopt(done.coopt, files.path() / "coopt.png");
  files.commit();
  return done;
}

}  // namespace triage::workflow
