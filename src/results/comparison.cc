#include "results/comparison.h"

namespace triage::results {
namespace {

Json to_json(const ComparedPlan& plan) {
  Json json = {{"name", plan.name}, {"mean_us", nullptr},   {"engine", nullptr},
               {"stable", nullptr}, {"agreement", nullptr}, {"stages", Json::array()}};
  put(json, plan);
  for (const ComparedStage& of : plan.stages) {
    Json& stage = json["stages"].emplace_back(Json::object());
    put(stage, of);
    stage["stage"] = of.stage;
    stage["precision"] = plan::to_string(of.precision);
  }
  if (plan.run) {
    json["mean_us"] = plan.run->mean_us;
    json["engine"] = plan.run->engine;
    json["engine_note"] = plan.run->engine_note;
    json["agreement"] = plan.run->agreement;
    json["stable"] = plan.run->stable;
  }
  return json;
}

}  // namespace

Json to_json(const PlanComparison& comparison) {
  Json json = {{"plans", {to_json(comparison.plans[0]), to_json(comparison.plans[1])}},
               {"stages", Json::array()},
               {"speedup", comparison.speedup ? Json(*comparison.speedup) : Json(nullptr)},
               {"points", to_json(comparison.points)}};
  for (const PairedTest& stage : comparison.stages) json["stages"].push_back(to_json(stage));
  if (comparison.run_images > 0) json["images"] = comparison.run_images;
  json["count"] = comparison.count;
  return json;
}

}  // namespace triage::results
