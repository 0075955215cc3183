#include "workflow/search/front/front_picture.h"

#include <algorithm>

#include "report/front.h"
#include "search/evolve/population.h"
#include "workflow/search/front/shown_axis.h"

namespace triage::workflow {

std::string kind_of(const search::Genome& genome) {
  const bool cascade = genome.nets.size() > 1, exits = genome.stages() > genome.nets.size();
  return cascade && exits ? "cascade with early exits" : cascade ? "cascade" : exits ? "early exits" : "one net";
}

std::string precisions_of(const search::Genome& genome) {
  std::string text;
  for (const plan::Precision precision : {plan::Precision::fp32, plan::Precision::int8}) {
    if (std::ranges::find(genome.nets, precision, &search::Net::precision) == genome.nets.end()) continue;
    text += (text.empty() ? "" : " and ") + plan::to_string(precision);
  }
  return text;
}

void draw_front(const search::Front& front, const FrontOrigin& origin, const fs::path& file) {
  report::FrontPicture picture;
  const ShownAxis axis = shown(front.axis);
  picture.cost_title = (front.axis == cost::CostAxis::latency ? "predicted " : "") + std::string(axis.title);
  const auto point = [&](const search::FrontPoint& p) {
    return report::FrontPicture::Point{cost::on_axis(p.cost, front.axis) / axis.scale, p.accuracy};
  };
  const bool several = origin.several_precisions;
  std::vector<std::string> mixes{""};  // of precisions, as the titles say them
  if (several) mixes = {", fp32", ", int8", ", fp32 and int8"};
  const auto of_mix = [&](const search::FrontPoint& p, const std::string& mix) {
    return !several || ", " + precisions_of(p.genome) == mix;
  };
  for (const std::string& mix : mixes) {
    report::FrontPicture::Series& singles = picture.singles.emplace_back(mix);
    for (const search::FrontPoint& single : front.singles) {
      if (of_mix(single, mix)) singles.points.push_back(point(single));
    }
  }
  for (const search::FrontPoint& broken : front.infeasible) picture.infeasible.push_back(point(broken));
  for (const std::string kind : {"one net", "early exits", "cascade", "cascade with early exits"}) {
    for (const std::string& mix : mixes) {
      report::FrontPicture::Series series{kind + mix, {}};
      for (const search::FrontPoint& plan : front.points) {
        if (kind_of(plan.genome) == kind && of_mix(plan, mix)) series.points.push_back(point(plan));
      }
      if (!series.points.empty()) picture.plans.push_back(std::move(series));
    }
  }
  std::vector<search::CostAccuracy> ceiling;
  for (const search::FrontPoint& plan : front.points) {
    const search::OperatingPoint oracle = origin.evaluator.oracle(plan.genome);
    ceiling.push_back({oracle.cost, oracle.accuracy});
  }
  if (origin.hand_picked) {
    report::FrontPicture::Series hand{"the hand-picked pair", {}};
    for (const search::OperatingPoint& thresholds : origin.evaluator.evaluate(*origin.hand_picked))
      hand.points.push_back({thresholds.cost / axis.scale, thresholds.accuracy});
    picture.curves.push_back(std::move(hand));
  }
  report::FrontPicture::Series oracle{"the same nets, oracle router", {}};
  for (const search::CostAccuracy& best : search::pareto(ceiling))
    oracle.points.push_back({best.cost / axis.scale, best.accuracy});
  picture.curves.push_back(std::move(oracle));
  report::draw_front(picture, file);
}

}  // namespace triage::workflow
