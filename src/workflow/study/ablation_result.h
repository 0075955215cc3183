// What several ways to plans found, held against each other on the test split.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/files/file.h"
#include "core/system/machine.h"
#include "search/evolve/front.h"

namespace triage::workflow {

struct TestedPlan {  // a plan chosen on the validation split
  search::FrontPoint plan;
  search::PlanRun test;
};
struct TestedMethod {
  std::string name, says;
  std::vector<TestedPlan> plans;
};
using TestedSeed = std::vector<TestedMethod>;  // all methods, the joint search first, in the same order for every seed

// Mean accuracy of all seeds at each budget; NaN where a seed has no plan.
using Curve = std::vector<double>;

struct Comparison {
  cost::CostAxis axis = cost::CostAxis::latency;
  std::vector<TestedSeed> seeds;  // at least one
  std::vector<double> budgets;    // rising

  Curve curve(std::size_t method) const;  // of test accuracy
};

// What a user gets: the most accurate plan on the validation split whose predicted cost keeps the budget. Null: none.
const TestedPlan* at_budget(const TestedMethod& method, cost::CostAxis axis, double budget);

// The smallest budget, between those of the curve, from which on a plan of this accuracy can be had. Infinite: none.
double cost_of(const Curve& curve, const std::vector<double>& budgets, double accuracy);

// The ends of levels of cost between the cheapest and the dearest plan. Fronts keep one plan for each level, so that
// budgets between the ends would compare chance.
std::vector<double> budgets_of(const std::vector<TestedSeed>& seeds, cost::CostAxis axis,
                               const threshold::CostLevels& levels);

// All plans, and the joint search against every other method: points won at equal budgets with a bootstrap over test
// images, and how many times less a plan of equal accuracy costs, read off the two curves of test accuracy.
Json to_json(const Comparison& all);
void draw_ablation(const Comparison& all, const fs::path& file);

// Where the joint search gains most against each method, in points and in cost. json: of to_json().
std::map<std::string, Figure> ablation_figures(const Comparison& all, const Json& json);

}  // namespace triage::workflow
