// What several searches under several cost models found: as JSON, as a picture, as figures.
#include <algorithm>

#include "engine/names.h"
#include "report/coopt.h"
#include "workflow/search/front/shown_axis.h"
#include "workflow/study/coopt.h"

namespace triage::workflow {
namespace {

constexpr int kCooptVersion = 1;

Json choice_json(const std::string& model, const search::ModelChoice& choice) {
  Json resolved;
  if (choice.resolved) {
    resolved = {{"accuracy", choice.resolved->accuracy},
                {"cost", choice.resolved->cost},
                {"thresholds", choice.resolved->thresholds},
                {"reach", choice.resolved->reach}};
  }
  return {{"model", model},
          {"genome", choice.plan.genome.text()},
          {"accuracy", choice.plan.accuracy},
          {"thresholds", choice.plan.thresholds},
          {"reach", choice.plan.reach},
          {"predicted", choice.predicted},
          {"cost", choice.cost},
          {"violation", choice.violation},
          {"resolved", resolved},
          {"regret_percent", choice.regret_percent},
          {"structure_percent", choice.structure_percent},
          {"promise_percent", choice.promise_percent}};
}

Json levels_json(const Coopt& coopt, const std::vector<search::RegretLevel>& levels) {
  Json list = Json::array();
  for (const search::RegretLevel& level : levels) {
    Json choices = Json::array();
    for (std::size_t m = 0; m < coopt.models.size(); ++m)
      choices.push_back(choice_json(coopt.models[m], level.choices[m]));
    list.push_back({{"accuracy", level.accuracy}, {"choices", std::move(choices)}});
  }
  return list;
}

Json seed_json(const Coopt& coopt, const CooptSeed& seed) {
  Json fronts = Json::array();
  for (std::size_t m = 0; m < coopt.models.size(); ++m) {
    search::Front plans = seed.found[m];
    plans.infeasible.clear();
    plans.singles.clear();
    fronts.push_back({{"model", coopt.models[m]}, {"front", search::to_json(plans)}});
  }
  return {{"seed", seed.seed},
          {"fronts", std::move(fronts)},
          {"grid", levels_json(coopt, seed.grid)},
          {"targets", levels_json(coopt, seed.targets)}};
}

Json mean_json(const search::RegretMean& at) {
  return {{"accuracy", at.accuracy},
          {"cost", at.cost},
          {"regret_percent", to_json(at.regret_percent)},
          {"structure_percent", to_json(at.structure_percent)},
          {"promise_percent", to_json(at.promise_percent)}};
}

}  // namespace

Json to_json(const Coopt& coopt) {
  Json json = {{"version", kCooptVersion},
               {"axis", cost::to_string(coopt.axis)},
               {"deployed", coopt.models[coopt.deployed]},
               {"trials", coopt.trials},
               {"seeds", Json::array()},
               {"regret", Json::array()}};
  for (const CooptSeed& seed : coopt.seeds) json["seeds"].push_back(seed_json(coopt, seed));
  for (std::size_t m = 0; m < coopt.models.size(); ++m) {
    const search::RegretCurve& curve = coopt.curves[m];
    Json at = Json::array();
    for (const search::RegretMean& mean : curve.at) at.push_back(mean_json(mean));
    json["regret"].push_back({{"model", coopt.models[m]},
                              {"at", std::move(at)},
                              {"largest", mean_json(curve.at[curve.largest])},
                              {"mean_percent", to_json(curve.mean_percent)},
                              {"same_structure", curve.same_structure}});
  }
  return json;
}

void draw_coopt(const Coopt& coopt, const fs::path& file) {
  const ShownAxis axis = shown(coopt.axis);
  report::CooptPicture picture{.cost_title = std::format("{}, costs of '{}'", axis.title, coopt.models[coopt.deployed]),
                               .models = {},
                               .seeds = static_cast<int>(coopt.seeds.size())};
  for (std::size_t m = 0; m < coopt.models.size(); ++m) {
    report::CooptPicture::Model& model = picture.models.emplace_back("'" + coopt.models[m] + "'", m == coopt.deployed);
    for (const search::RegretMean& at : coopt.curves[m].at) {
      const double mean = at.regret_percent.mean;
      const Interval band = at.regret_percent.interval.value_or(Interval{mean, mean});
      model.points.push_back({at.accuracy, at.cost / axis.scale, mean, band.low, band.high, at.structure_percent.mean});
    }
  }
  report::draw_coopt(picture, file);
}

std::map<std::string, Figure> coopt_figures(const Coopt& coopt) {
  std::map<std::string, Figure> figures;
  const int seeds = static_cast<int>(coopt.seeds.size());
  const auto percent = [&](const MeanEstimate& estimate) {
    return Figure{.value = estimate.mean, .unit = "%", .interval = estimate.interval, .n = seeds};
  };
  for (std::size_t m = 0; m < coopt.models.size(); ++m) {
    if (m == coopt.deployed) continue;
    std::string prefix = "coopt." + (coopt.models[m] == engine::kCpu ? "" : coopt.models[m] + "_");
    std::ranges::replace(prefix, '-', '_');
    const search::RegretCurve& curve = coopt.curves[m];
    const search::RegretMean& largest = curve.at[curve.largest];
    figures[prefix + "regret_percent"] = percent(largest.regret_percent);
    figures[prefix + "regret_at_percent"] = {.value = 100 * largest.accuracy, .unit = "%"};
    figures[prefix + "regret_structure_percent"] = percent(largest.structure_percent);
    figures[prefix + "mean_regret_percent"] = percent(curve.mean_percent);
    figures[prefix + "same_structure_percent"] = {.value = 100 * curve.same_structure, .unit = "%", .n = seeds};
  }
  return figures;
}

}  // namespace triage::workflow
