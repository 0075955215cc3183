// Map: cascades() walks blocks of curves, early_exits() evaluates genomes.
#include "search/solve/pair_sweep.h"

#include <algorithm>
#include <set>

#include "threshold/pair_curves.h"

namespace triage::search {
namespace {

struct Found {
  double accuracy = -1;
  std::size_t first = 0, second = 0;  // nets
  plan::PolicyKind policy = plan::PolicyKind::confidence;
};

Net net_of(const ExitNet& net, std::vector<int> early = {}) { return {net.arch, std::move(early), net.precision}; }

using BestPairs = threshold::LevelTable<Found, threshold::MoreAccurate>;

bool same_pair(const Found& a, const Found& b) { return a.first == b.first && a.second == b.second; }

// How many images may go on before a budget breaks; none: not even nobody.
std::optional<std::size_t> max_escalated(std::span<const cost::CostedStage> stages, const cost::Budgets& budgets,
                                         std::size_t images) {
  if (budgets == cost::Budgets{}) return images;
  const auto kept = [&](std::size_t escalated) {
    return violation(plan_cost(stages, std::array{1.0, static_cast<double>(escalated) / static_cast<double>(images)}),
                     budgets) == 0;
  };
  if (!kept(0)) return std::nullopt;
  std::size_t low = 0, high = images;
  while (low < high) {
    const std::size_t middle = (low + high + 1) / 2;
    if (kept(middle))
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

// Index: as of the nets' rankings.
template <std::unsigned_integral Index>
std::uint64_t cascades(const Evaluator& evaluator, const Structures& structures, std::span<const ExitNet* const> nets,
                       BestPairs& best) {
  const EvaluatorOptions& options = evaluator.options();
  const std::size_t images = evaluator.pool().images();
  const bool limited = options.budgets != cost::Budgets{};
  std::vector<cost::CostedStage> alone;
  std::vector<std::span<const std::uint8_t>> verdicts;
  for (const ExitNet* net : nets) verdicts.emplace_back(net->validation.correct);
  std::vector<threshold::VerdictBlock> blocks;
  for (const ExitNet* net : nets)
    alone.push_back(evaluator.stage_cost({.arch = net->arch, .precision = net->precision}));
  for (std::size_t begin = 0; begin < nets.size(); begin += threshold::kLanes) {
    blocks.emplace_back(std::span(verdicts).subspan(begin, std::min(threshold::kLanes, nets.size() - begin)), images);
  }
  threshold::PairCurves<Index> curves(images);
  std::uint64_t count = 0;
  for (std::size_t first = 0; first < nets.size(); ++first) {
    const double start = on_axis(alone[first], options.axis);
    const std::size_t first_level = evaluator.levels().level(start);
    for (const plan::PolicyKind policy : structures.policies) {
      if (policy == plan::PolicyKind::learned) continue;
      for (std::size_t b = 0; b < blocks.size(); ++b) {
        curves.compute(std::get<threshold::Ranking<Index>>(nets[first]->ranking(policy)),
                       nets[first]->validation.correct, blocks[b]);
        count += blocks[b].size();
        for (std::size_t lane = 0; lane < blocks[b].size(); ++lane) {
          const std::size_t second = b * threshold::kLanes + lane;
          std::size_t most = images;
          if (limited) {
            const auto allowed = max_escalated(std::array{alone[first], alone[second]}, options.budgets, images);
            if (!allowed) continue;
            most = *allowed;
          }
          const double each = on_axis(alone[second], options.axis) / static_cast<double>(images);
          for (std::size_t level = first_level; level < evaluator.levels().size(); ++level) {
            const auto escalated =
                std::min(most, static_cast<std::size_t>((evaluator.levels().upper(level) - start) / each));
            const double accuracy = static_cast<double>(curves.correct(escalated, lane)) / static_cast<double>(images);
            best.offer(level, {accuracy, first, second, policy}, same_pair);
            if (escalated == most) break;
          }
        }
      }
    }
  }
  return count;
}

void collect(const BestPairs& best, std::span<const ExitNet* const> nets, std::vector<Genome>& genomes,
             std::set<std::string>& seen) {
  for (std::size_t level = 0; level < best.levels(); ++level) {
    for (const Found& found : best.at(level)) {
      Genome genome{found.policy, {net_of(*nets[found.first]), net_of(*nets[found.second])}};
      if (seen.insert(genome.text()).second) genomes.push_back(std::move(genome));
    }
  }
}

// Nets with one early exit: few enough to be solved one by one.
std::uint64_t early_exits(const Evaluator& evaluator, const Structures& structures,
                          std::span<const ExitNet* const> nets, std::size_t keep, std::vector<Genome>& genomes,
                          std::set<std::string>& seen) {
  struct Single {
    double accuracy;
    Genome genome;
  };
  threshold::LevelTable<Single, threshold::MoreAccurate> best(evaluator.levels().size(), keep);
  std::uint64_t count = 0;
  for (const ExitNet* net : nets) {
    const int last = net_of(*net).last();
    for (const int section : structures.of(net->arch).exits) {
      if (section >= last) break;
      for (const plan::PolicyKind policy : structures.policies) {
        const Genome genome{policy, {net_of(*net, {section})}};
        ++count;
        for (const OperatingPoint& point : evaluator.evaluate(genome)) {
          if (point.violation == 0) best.offer(evaluator.levels().level(point.cost), {point.accuracy, genome});
        }
      }
    }
  }
  for (std::size_t level = 0; level < best.levels(); ++level) {
    for (const Single& single : best.at(level)) {
      if (seen.insert(single.genome.text()).second) genomes.push_back(single.genome);
    }
  }
  return count;
}

}  // namespace

SweepResult sweep_pairs(const Evaluator& evaluator, const Structures& structures, std::span<const ExitNet* const> nets,
                        std::size_t keep) {
  SweepResult result;
  std::set<std::string> seen;
  if (structures.max_stages < 2 || nets.empty()) return result;
  if (structures.cascades) {
    BestPairs best(evaluator.levels().size(), keep);
    const bool narrow = std::holds_alternative<threshold::Ranking<std::uint16_t>>(nets[0]->rankings[0]);
    result.curves += narrow ? cascades<std::uint16_t>(evaluator, structures, nets, best)
                            : cascades<std::uint32_t>(evaluator, structures, nets, best);
    collect(best, nets, result.genomes, seen);
  }
  if (structures.early_exits) result.curves += early_exits(evaluator, structures, nets, keep, result.genomes, seen);
  return result;
}

}  // namespace triage::search
