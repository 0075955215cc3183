// What `triage coopt` found: as JSON, as a table, as a picture, as figures.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "apps/triage/coopt.h"
#include "core/system/machine.h"
#include "report/coopt.h"

namespace triage::cli {
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

// Without "-0.0".
double tenths(double value) { return std::round(10 * value) / 10 + 0.0; }

// "12.3 [10.1, 14.5]"
std::string with_interval(const MeanEstimate& estimate) {
  if (!estimate.interval) return std::format("{:.1f}", estimate.mean);
  return std::format("{:.1f} [{:.1f}, {:.1f}]", estimate.mean, estimate.interval->low, estimate.interval->high);
}

// "23.1 4.2"
std::string numbers(std::span<const double> values, double scale, int digits) {
  std::string text;
  for (const double value : values) text += std::format("{}{:.{}f}", text.empty() ? "" : " ", scale * value, digits);
  return text.empty() ? "-" : text;
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

void print_coopt(const Coopt& coopt) {
  const workflow::ShownAxis axis = workflow::shown(coopt.axis);
  const CooptSeed& first = coopt.seeds[0];
  const std::string truth = coopt.models[coopt.deployed];
  std::printf(
      "plans of seed %llu; true: under the costs of '%s'; regret in %%, 'anew': thresholds solved under those\n",
      static_cast<unsigned long long>(first.seed), truth.c_str());
  for (const search::RegretLevel& level : first.targets) {
    std::printf("\nat %.1f %% validation accuracy\n%-17s %12s %9s %7s %7s  %-13s %-13s %s\n", 100 * level.accuracy,
                "costs", (std::string("predicted ") + axis.unit).c_str(), (std::string("true ") + axis.unit).c_str(),
                "regret", "anew", "sent on (%)", "thresholds", "plan");
    for (std::size_t m = 0; m < coopt.models.size(); ++m) {
      const search::ModelChoice& choice = level.choices[m];
      std::printf("%-17s %12.1f %9.1f %7.1f %7.1f  %-13s %-13s %s%s\n", coopt.models[m].c_str(),
                  choice.predicted / axis.scale, choice.cost / axis.scale, tenths(choice.regret_percent),
                  tenths(choice.structure_percent), numbers(std::span(choice.plan.reach).subspan(1), 100, 1).c_str(),
                  numbers(choice.plan.thresholds, 1, 3).c_str(), choice.plan.genome.text().c_str(),
                  choice.violation > 0 ? "  (breaks a budget)" : "");
    }
  }
  std::printf("\nregret (%%, mean of %zu seeds) over %.1f to %.1f %% validation accuracy\n", coopt.seeds.size(),
              100 * first.grid.front().accuracy, 100 * first.grid.back().accuracy);
  for (std::size_t m = 0; m < coopt.models.size(); ++m) {
    if (m == coopt.deployed) continue;
    const search::RegretCurve& curve = coopt.curves[m];
    const search::RegretMean& largest = curve.at[curve.largest];
    std::printf(
        "%-17s largest %s at %.1f %% (thresholds anew %s, promised cost %+.1f %% off); mean %s; the structure of '%s' "
        "in "
        "%.0f %% of the cases\n",
        coopt.models[m].c_str(), with_interval(largest.regret_percent).c_str(), 100 * largest.accuracy,
        with_interval(largest.structure_percent).c_str(), largest.promise_percent.mean,
        with_interval(curve.mean_percent).c_str(), truth.c_str(), 100 * curve.same_structure);
  }
}

void draw_coopt(const Coopt& coopt, const fs::path& file) {
  const workflow::ShownAxis axis = workflow::shown(coopt.axis);
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
    std::string prefix = "coopt." + (coopt.models[m] == "cpu" ? "" : coopt.models[m] + "_");
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

}  // namespace triage::cli
