#include "cost/memory_costs.h"

#include "core/error.h"
#include "cost/layers/relative_fit.h"

namespace triage::cost {
namespace {

constexpr std::pair<const char*, double MemoryFit::*> kFitFields[] = {
    {"fixed_kb", &MemoryFit::fixed_kb},
    {"per_stage_kb", &MemoryFit::per_stage_kb},
    {"per_weight", &MemoryFit::per_weight},
    {"per_largest_weight", &MemoryFit::per_largest_weight},
    {"per_activation", &MemoryFit::per_activation}};

}  // namespace

double MemoryFit::predict_kb(const MemoryTerms& terms) const {
  return fixed_kb + per_stage_kb * terms.stages + per_weight * terms.weights_kb +
         per_largest_weight * terms.largest_kb + per_activation * terms.activations_kb;
}

MemoryFit fit_memory(const std::vector<MemoryTerms>& plans, const std::vector<double>& peaks_kb) {
  std::vector<std::vector<double>> rows;
  for (const MemoryTerms& plan : plans) {
    rows.push_back({1, static_cast<double>(plan.stages), plan.weights_kb, plan.largest_kb, plan.activations_kb});
  }
  const std::vector<double> best = fit_relative(rows, peaks_kb, "memory costs");
  return {best[0], best[1], best[2], best[3], best[4]};
}

Json to_json(const MemoryCosts& costs) {
  Json json = {{"version", kMemoryCostVersion},
               {"machine", costs.machine},
               {"engine_version", costs.engine_version},
               {"precisions", Json::object()}};
  for (const auto& [precision, of] : costs.of) {
    Json fit = Json::object();
    for (const auto& [name, member] : kFitFields) fit[name] = of.fit.*member;
    json["precisions"][plan::to_string(precision)] = {
        {"fit", fit},
        {"error",
         {{"plans", of.error.plans}, {"mean_percent", of.error.mean_percent}, {"max_percent", of.error.max_percent}}}};
  }
  return json;
}

MemoryCosts memory_costs_from_json(const Json& json, const std::string& origin) {
  const JsonReader reader(json, origin);
  if (reader.get<int>("version") != kMemoryCostVersion) {
    reader.at("version").fail_here(std::to_string(kMemoryCostVersion));
  }
  MemoryCosts costs;
  costs.machine = reader.at("machine").json();
  costs.engine_version = reader.get<std::string>("engine_version");
  const JsonReader precisions = reader.at("precisions");
  if (!precisions.json().is_object()) precisions.fail_here("an object");
  for (const auto& [name, value] : precisions.json().items()) {
    const JsonReader of = precisions.at(name.c_str()), fit = of.at("fit"), error = of.at("error");
    MemoryCosts::Of& entry = costs.of[plan::precision_from_string(name, precisions.where())];
    for (const auto& [field, member] : kFitFields) entry.fit.*member = fit.not_negative(field);
    entry.error = {error.get_in("plans", 0, 1 << 20), error.not_negative("mean_percent"),
                   error.not_negative("max_percent")};
  }
  return costs;
}

}  // namespace triage::cost
