#include "search/evolve/front.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "threshold/choose.h"

namespace triage::search {
namespace {

Json point_to_json(const FrontPoint& point) {
  const cost::PlanCost& cost = point.cost;
  Json json = {{"genome", point.genome.text()},
               {"accuracy", point.accuracy},
               {"mean_latency_us", cost.mean_latency_us},
               {"p90_latency_us", cost.p90_latency_us},
               {"worst_latency_us", cost.worst_latency_us},
               {"mean_macs", cost.mean_macs},
               {"mean_energy_uj", cost.mean_energy_uj ? Json(*cost.mean_energy_uj) : Json(nullptr)},
               {"memory_kb", cost.memory_kb},
               {"model_kb", cost.model_kb},
               {"thresholds", point.thresholds},
               {"reach", point.reach}};
  if (point.violation > 0) json["violation"] = point.violation;
  return json;
}

FrontPoint point_from_json(const JsonReader& json) {
  FrontPoint point;
  point.genome = Genome::parse(json.get<std::string>("genome"));
  point.accuracy = json.get_in("accuracy", 0.0, 1.0);
  cost::PlanCost& cost = point.cost;
  cost.mean_latency_us = json.not_negative("mean_latency_us");
  cost.p90_latency_us = json.not_negative("p90_latency_us");
  cost.worst_latency_us = json.not_negative("worst_latency_us");
  cost.mean_macs = json.not_negative("mean_macs");
  if (!json.at("mean_energy_uj").json().is_null()) cost.mean_energy_uj = json.not_negative("mean_energy_uj");
  cost.memory_kb = json.not_negative("memory_kb");
  cost.model_kb = json.not_negative("model_kb");
  point.thresholds = json.get<std::vector<double>>("thresholds");
  point.reach = json.get<std::vector<double>>("reach");
  point.violation = json.get_or("violation", 0.0);
  const std::size_t stages = point.genome.stages();
  if (point.reach.size() != stages || point.thresholds.size() + 1 != stages) {
    json.at("reach").fail_here(std::format("{} shares and a threshold less", stages));
  }
  return point;
}

auto cost_on(cost::CostAxis axis) {
  return [axis](const FrontPoint& point) { return on_axis(point.cost, axis); };
}

void require_points(const Front& front) {
  if (!front.points.empty()) return;
  if (front.infeasible.empty()) fail("front: expected at least one plan, found none");
  std::string worst;
  const FrontPoint& closest = front.infeasible.front();
  violation(closest.cost, front.budgets, &worst);
  fail("no plan keeps the budgets: the closest one, '{}', needs {} and has {:.2f} % validation accuracy",
       closest.genome.text(), worst, 100 * closest.accuracy);
}

}  // namespace

const FrontPoint& most_accurate_below(const Front& front, cost::CostAxis axis, double cost) {
  require_points(front);
  const auto found = threshold::most_accurate(front.points, cost, cost_on(axis), &FrontPoint::accuracy);
  if (found != front.points.end()) return *found;
  const FrontPoint& cheapest = *std::ranges::min_element(front.points, {}, cost_on(axis));
  fail(
      "no plan of the front has a mean {} of at most {:.4g}: the least, of '{}', is {:.4g} with {:.2f} % validation "
      "accuracy",
      to_string(axis), cost, cheapest.genome.text(), on_axis(cheapest.cost, axis), 100 * cheapest.accuracy);
}

const FrontPoint& cheapest_above(const Front& front, double accuracy) {
  require_points(front);
  const auto found = threshold::cheapest(front.points, accuracy, &FrontPoint::accuracy);
  if (found != front.points.end()) return *found;
  const FrontPoint& last = front.points.back();
  fail("no plan of the front has {:.2f} % validation accuracy: the most accurate, '{}', has {:.2f} % and costs {:.4g}",
       100 * accuracy, last.genome.text(), 100 * last.accuracy, on_axis(last.cost, front.axis));
}

const FrontPoint& knee_of(const Front& front) {
  require_points(front);
  return *threshold::knee(front.points, cost_on(front.axis), &FrontPoint::accuracy);
}

Json to_json(const Front& front) {
  Json json = {{"version", kFrontVersion},
               {"identity", front.identity},
               {"axis", to_string(front.axis)},
               {"budgets", to_json(front.budgets)}};
  const auto put = [&](const char* name, const std::vector<FrontPoint>& points) {
    Json list = Json::array();
    for (const FrontPoint& point : points) list.push_back(point_to_json(point));
    json[name] = std::move(list);
  };
  put("points", front.points);
  put("infeasible", front.infeasible);
  put("singles", front.singles);
  return json;
}

Front front_from_json(const Json& json, const std::string& origin) {
  const JsonReader reader(json, origin);
  if (const int version = reader.get<int>("version"); version != kFrontVersion) {
    fail("{}: version: expected {}, found {}", origin, kFrontVersion, version);
  }
  Front front;
  front.identity = reader.at("identity").json();
  if (!front.identity.is_object()) reader.at("identity").fail_here("an object");
  front.axis = cost::cost_axis_from_string(reader.get<std::string>("axis"));
  if (!reader.at("budgets").json().is_object()) reader.at("budgets").fail_here("an object");
  front.budgets = cost::budgets_from_json(reader.at("budgets"));
  const auto take = [&](const char* name, std::vector<FrontPoint>& points) {
    const JsonReader list = reader.at(name);
    for (std::size_t i = 0; i < list.size(); ++i) points.push_back(point_from_json(list.at(i)));
  };
  take("points", front.points);
  take("infeasible", front.infeasible);
  take("singles", front.singles);
  return front;
}

void save_front(const fs::path& file, const Front& front) { write_sealed_json(file, to_json(front)); }
Front load_front(const fs::path& file) { return front_from_json(read_sealed_json(file), file.string()); }

}  // namespace triage::search
