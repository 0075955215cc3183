#include "search/evolve/evaluator.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "search/solve/router_fit.h"

namespace triage::search {

Evaluator::Evaluator(NetPool& pool, const cost::CostModel& costs, const EvaluatorOptions& options)
    : pool_(pool), costs_(costs), options_(options), levels_(make_levels()) {}

threshold::CostLevels Evaluator::make_levels() const {
  const bool by_energy = options_.axis == cost::CostAxis::energy || options_.budgets.mean_energy_uj;
  double high = 0, low = std::numeric_limits<double>::infinity();
  for (const SearchedSpace& one : pool_.spaces()) {
    const family::ArchSpec largest = one.space->largest(), least = family::prefix(one.space->smallest(), 1);
    const std::vector<plan::Precision> precisions = precisions_of(largest, options_.precisions);
    if (by_energy && !costs_.stage({.arch = largest, .precision = precisions[0]}).energy_uj) {
      fail("search by energy ({}): expected costs with measured energy, found none",
           options_.axis == cost::CostAxis::energy ? "the axis" : "budget mean_energy_uj");
    }
    for (const plan::Precision precision : precisions) {
      high = std::max(high, on_axis(stage_cost({.arch = largest, .precision = precision}), options_.axis));
      low = std::min(low, on_axis(stage_cost({.arch = least, .precision = precision}), options_.axis));
    }
  }
  return {low * options_.lowest, high * static_cast<double>(options_.max_stages), options_.levels};
}

const cost::CostedStage& Evaluator::stage_cost(const cost::Segment& stage) const {
  const auto [place, fresh] = known_.try_emplace(stage.text());
  if (fresh) {
    place->second = {costs_.stage(stage), costs_.size(stage, options_.input, options_.classes)};
    if (const double us = place->second.cost.latency_us; !(us > 0)) {
      fail("stage {}: expected a latency above 0 us, found {}", stage.text(), us);
    }
  }
  return place->second;
}

std::vector<cost::CostedStage> Evaluator::stage_costs(const Genome& genome) const {
  std::vector<cost::CostedStage> costs;
  for (const GenomeStage& stage : stages_of(genome)) costs.push_back(stage_cost(stage.segment));
  return costs;
}

Evaluator::Stages Evaluator::stages(const Genome& genome) const {
  std::vector<const ExitNet*> nets;
  for (const GenomeStage& stage : stages_of(genome)) nets.push_back(&pool_.get(stage.net, stage.segment.precision));
  Stages stages;
  if (genome.together) stages.together = answer_together(pool_, nets, genome.policy);
  stages.learned.resize(genome.policy == plan::PolicyKind::learned ? nets.size() - 1 : 0);
  for (std::size_t j = 0; j < nets.size(); ++j) {
    const TogetherExit* const together = genome.together && stages.together[j] ? &*stages.together[j] : nullptr;
    SolverStage& stage =
        stages.solver.emplace_back(nullptr, together ? &together->correct : &nets[j]->validation.correct);
    if (j + 1 == nets.size()) break;
    if (genome.policy == plan::PolicyKind::learned) {
      stages.learned[j] = threshold::rank_compactly(fit_router_scores(*nets[j], nets.back()->route.correct));
      stage.ranking = &stages.learned[j];
    } else {
      stage.ranking = together ? &*together->ranking : &nets[j]->ranking(genome.policy);
    }
  }
  return stages;
}

std::vector<OperatingPoint> Evaluator::evaluate(const Genome& genome) const {
  return solve(stages(genome).solver, stage_costs(genome), options_.budgets, options_.axis, levels_);
}

PlanRun Evaluator::run(const Genome& genome, std::span<const double> thresholds) const {
  const Stages all = stages(genome);
  const std::size_t images = pool_.images(), count = all.solver.size();
  if (thresholds.size() + 1 != count) {
    fail("plan {}: expected {} thresholds, found {}", genome.text(), count - 1, thresholds.size());
  }
  PlanRun run;
  run.correct.reserve(images);
  run.point.thresholds.assign(thresholds.begin(), thresholds.end());
  std::vector<std::size_t> reached(count);
  for (std::size_t i = 0; i < images; ++i) {
    std::size_t exit = 0;
    while (exit + 1 < count && scores(*all.solver[exit].ranking)[i] > thresholds[exit]) ++exit;
    for (std::size_t j = 0; j <= exit; ++j) ++reached[j];
    run.correct.push_back((*all.solver[exit].correct)[i]);
  }
  const auto share = [&](auto number) { return static_cast<double>(number) / static_cast<double>(images); };
  for (const std::size_t number : reached) run.point.reach.push_back(share(number));
  run.point.accuracy = share(std::ranges::count(run.correct, 1));
  const cost::PlanCost cost = plan_cost(stage_costs(genome), run.point.reach);
  run.point.cost = on_axis(cost, options_.axis);
  run.point.violation = violation(cost, options_.budgets);
  return run;
}

OperatingPoint Evaluator::oracle(const Genome& genome) const {
  std::vector<const std::vector<std::uint8_t>*> correct;
  for (const GenomeStage& stage : stages_of(genome))
    correct.push_back(&pool_.get(stage.net, stage.segment.precision).validation.correct);
  const std::size_t images = pool_.images();
  OperatingPoint point{.reach = std::vector<double>(correct.size())};
  for (std::size_t i = 0; i < images; ++i) {
    std::size_t exit = 0;
    while (exit < correct.size() && !(*correct[exit])[i]) ++exit;
    point.accuracy += exit < correct.size() ? 1.0 / static_cast<double>(images) : 0;
    if (exit == correct.size()) exit = 0;
    for (std::size_t j = 0; j <= exit; ++j) point.reach[j] += 1.0 / static_cast<double>(images);
  }
  point.cost = on_axis(plan_cost(stage_costs(genome), point.reach), options_.axis);
  return point;
}

}  // namespace triage::search
