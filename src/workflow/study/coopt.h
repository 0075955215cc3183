// The same search under several cost models, and what it costs to deploy the plans that the wrong ones chose.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/files/file.h"
#include "core/system/machine.h"
#include "engine/names.h"
#include "search/evolve/joint_search.h"
#include "search/evolve/regret.h"

namespace triage::workflow {

struct CooptRequest {
  std::vector<std::string> costs{engine::kCpu, engine::kUntuned, engine::kTuned};  // of kLayerProviders, at least two
  std::string deployed = engine::kTuned;  // the one of them whose costs the plans really have
  std::vector<double> at;       // validation accuracies whose plans are told; none: some of those that all reach
  int seeds = 3;                // searches under each: the configuration's seed and those behind it
  std::uint64_t trials = 5000;  // of each search
};

// The place of the deployed one among the costs. Throws UsageError for a request that makes no sense.
std::size_t deployed_of(const CooptRequest& request);

struct CooptSeed {
  std::uint64_t seed = 0;
  std::vector<search::Front> found;  // by each model's search
  std::vector<search::RegretLevel> grid, targets;
};

struct Coopt {
  std::vector<std::string> models;
  std::size_t deployed = 0;  // of these
  cost::CostAxis axis = cost::CostAxis::latency;
  std::uint64_t trials = 0;
  std::vector<CooptSeed> seeds;
  std::vector<search::RegretCurve> curves;  // of each model
};

struct CooptModel {
  std::string name;
  const search::Evaluator* fine = nullptr;  // not owned
};

// Of one seed: a front for each model, found on the same subnets.
using SearchSeed = std::function<std::vector<search::Front>(const search::SearchOptions& options)>;

// Searches every seed, solves what was found on a finer grid of costs and holds the models' choices against each other.
// models: in the order of request.costs; their evaluators, fine in cost, share one pool. base: of the configuration;
// its subnets stay the same over a search, so that only the costs differ. Throws Error where no accuracy is reached by
// all.
Coopt coopt_searches(const CooptRequest& request, std::span<const CooptModel> models, const search::SearchOptions& base,
                     cost::CostAxis axis, const SearchSeed& search_seed);

// coopt.json, without where it comes from (docs/formats.md).
Json to_json(const Coopt& coopt);
void draw_coopt(const Coopt& coopt, const fs::path& file);
// "coopt.regret_percent" and others of the model "cpu"; of any other "coopt.compiled_untuned_regret_percent".
std::map<std::string, Figure> coopt_figures(const Coopt& coopt);

}  // namespace triage::workflow
