// The front of a search: the best plan structures with their operating points; front.json.
#pragma once

#include <string>
#include <vector>

#include "search/evolve/evaluator.h"

namespace triage::search {

inline constexpr int kFrontVersion = 1;

struct FrontPoint {
  Genome genome;
  double accuracy = 0;  // on the validation split
  cost::PlanCost cost;
  std::vector<double> thresholds, reach;
  double violation = 0;  // of the budgets; above 0 only among Front::infeasible
};

struct Front {
  Json identity = Json::object();  // of the study it comes from
  cost::CostAxis axis = cost::CostAxis::latency;
  cost::Budgets budgets;
  std::vector<FrontPoint> points;      // none beats another in cost and accuracy, cheapest first
  std::vector<FrontPoint> infeasible;  // break a budget and would be on the front without it; where nothing keeps
                                       // the budgets the plan that breaks them least
  std::vector<FrontPoint> singles;     // every scored net alone that keeps the budgets
};

// Which point a user asks for. Throw Error that names the closest one where none will do.
const FrontPoint& most_accurate_below(const Front& front, cost::CostAxis axis, double cost);
const FrontPoint& cheapest_above(const Front& front, double accuracy);
const FrontPoint& knee_of(const Front& front);  // threshold::knee

Json to_json(const Front& front);
Front front_from_json(const Json& json, const std::string& origin);
void save_front(const fs::path& file, const Front& front);
Front load_front(const fs::path& file);

}  // namespace triage::search
