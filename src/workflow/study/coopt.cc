#include "workflow/study/coopt.h"

#include <algorithm>

#include "core/error.h"
#include "core/text.h"
#include "workflow/search/layer_table.h"

namespace triage::workflow {
namespace {

constexpr int kGridSteps = 1000;          // 0.1 points of accuracy
constexpr double kGridReach = 0.15;       // share of accuracy below the best that all reach: beyond, nobody deploys
constexpr std::size_t kUsualTargets = 4;  // rows of the table where none are asked for

std::vector<double> targets_of(const CooptRequest& request, const std::vector<double>& grid) {
  for (const double accuracy : request.at) {
    if (accuracy > grid.back()) {
      fail(
          "--at: expected at most {:.1f} %, which the plans of all searches reach on the validation split, found "
          "{:.1f} %",
          100 * grid.back(), 100 * accuracy);
    }
  }
  if (!request.at.empty()) return request.at;
  std::vector<double> targets;
  for (std::size_t i = 1; i <= kUsualTargets; ++i) {
    const double accuracy = grid[(grid.size() - 1) * i / kUsualTargets];
    if (targets.empty() || accuracy > targets.back()) targets.push_back(accuracy);
  }
  return targets;
}

}  // namespace

std::size_t deployed_of(const CooptRequest& request) {
  const std::vector<std::string>& costs = request.costs;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    if (std::ranges::find(engine::kLayerProviders, costs[i]) == engine::kLayerProviders.end())
      throw UsageError(
          std::format("--costs: expected some of {}, found '{}'", joined(engine::kLayerProviders), costs[i]));
    if (std::ranges::find(costs, costs[i]) != costs.begin() + static_cast<std::ptrdiff_t>(i))
      throw UsageError(std::format("--costs: expected each cost model once, found '{}' again", costs[i]));
  }
  if (costs.size() < 2)
    throw UsageError(std::format("--costs: expected at least two cost models, found {}", joined(costs)));
  const auto found = std::ranges::find(costs, request.deployed);
  if (found == costs.end()) {
    throw UsageError(
        std::format("--deployed: expected one of --costs ({}), found '{}'", joined(costs), request.deployed));
  }
  return static_cast<std::size_t>(found - costs.begin());
}

Coopt coopt_searches(const CooptRequest& request, std::span<const CooptModel> models, const search::SearchOptions& base,
                     cost::CostAxis axis, const SearchSeed& search_seed) {
  const std::size_t deployed = deployed_of(request);
  Coopt coopt{
      .models = request.costs, .deployed = deployed, .axis = axis, .trials = request.trials, .seeds = {}, .curves = {}};
  std::vector<std::vector<search::ModelFront>> fine;  // by seed
  std::vector<const search::Front*> fronts;
  for (int i = 0; i < request.seeds; ++i) {
    search::SearchOptions options = base;
    options.seed += static_cast<std::uint64_t>(i);
    options.max_trials = request.trials;
    options.new_subnets = 0;
    coopt.seeds.push_back({.seed = options.seed, .found = search_seed(options), .grid = {}, .targets = {}});
    std::vector<search::ModelFront>& of_seed = fine.emplace_back();
    for (std::size_t m = 0; m < models.size(); ++m)
      of_seed.push_back(
          {models[m].name, search::refined(coopt.seeds.back().found[m], *models[m].fine), models[m].fine});
  }
  for (const auto& of_seed : fine) {
    for (const search::ModelFront& model : of_seed) fronts.push_back(&model.front);
  }
  const std::vector<double> grid = search::accuracy_grid(fronts, kGridSteps, kGridReach);
  const std::vector<double> targets = targets_of(request, grid);
  std::vector<std::vector<search::RegretLevel>> levels;
  for (std::size_t i = 0; i < fine.size(); ++i) {
    coopt.seeds[i].grid = levels.emplace_back(search::regrets(fine[i], deployed, grid));
    coopt.seeds[i].targets = search::regrets(fine[i], deployed, targets);
  }
  for (std::size_t m = 0; m < models.size(); ++m) coopt.curves.push_back(search::regret_curve(levels, m, deployed));
  return coopt;
}

}  // namespace triage::workflow
