// Map: Leaders keeps the best of each level; cascades() walks blocks of curves, early_exits() evaluates genomes.
#include "search/solve/pair_sweep.h"

#include <algorithm>
#include <set>

#include "search/solve/pair_curves.h"

namespace triage::search {
namespace {

struct Found {
  double accuracy = -1;
  std::size_t first = 0, second = 0;  // nets
  plan::PolicyKind policy = plan::PolicyKind::confidence;
};

Leg leg_of(const ExitNet& net, std::vector<int> early = {}) { return {net.arch, std::move(early), net.precision}; }

class Leaders {
 public:
  Leaders(std::size_t levels, std::size_t keep) : keep_(keep), of_level_(levels) {}
  double worst(std::size_t level) const {
    return of_level_[level].size() < keep_ ? -1 : of_level_[level].back().accuracy;
  }
  void insert(std::size_t level, const Found& found) {
    std::vector<Found>& list = of_level_[level];
    const auto same = std::ranges::find_if(
        list, [&](const Found& other) { return other.first == found.first && other.second == found.second; });
    if (same != list.end()) {  // under another policy: counts once
      if (same->accuracy >= found.accuracy) return;
      list.erase(same);
    }
    list.insert(std::ranges::upper_bound(list, found.accuracy, std::ranges::greater{}, &Found::accuracy), found);
    if (list.size() > keep_) list.pop_back();
  }
  const std::vector<Found>& level(std::size_t i) const { return of_level_[i]; }
  std::size_t levels() const { return of_level_.size(); }

 private:
  std::size_t keep_;
  std::vector<std::vector<Found>> of_level_;
};

// How many images may go on before a budget breaks; none: not even nobody.
std::optional<std::size_t> most_moved(const Bill& bill, const Budgets& budgets, std::size_t images) {
  if (budgets == Budgets{}) return images;
  const auto kept = [&](std::size_t moved) {
    return violation(plan_cost(bill, std::array{1.0, static_cast<double>(moved) / static_cast<double>(images)}),
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

std::uint64_t cascades(const Evaluator& evaluator, const Structures& structures, std::span<const ExitNet* const> nets,
                       Leaders& leaders) {
  const EvaluatorOptions& options = evaluator.options();
  const std::size_t images = evaluator.pool().images();
  const bool limited = options.budgets != Budgets{};
  std::vector<Bill> alone;
  std::vector<VerdictBlock> blocks;
  for (const ExitNet* net : nets) alone.push_back(evaluator.bill({structures.policies[0], {leg_of(*net)}}));
  for (std::size_t begin = 0; begin < nets.size(); begin += kLanes) {
    blocks.emplace_back(nets.subspan(begin, std::min(kLanes, nets.size() - begin)), images);
  }
  PairCurves curves(images);
  std::uint64_t count = 0;
  for (std::size_t first = 0; first < nets.size(); ++first) {
    const double start = on_axis(alone[first].stages[0], options.axis);
    const std::size_t first_level = evaluator.levels().level(start);
    for (const plan::PolicyKind policy : structures.policies) {
      if (policy == plan::PolicyKind::learned) continue;
      for (std::size_t b = 0; b < blocks.size(); ++b) {
        curves.compute(nets[first]->ranking(policy), nets[first]->validation.right, blocks[b]);
        count += blocks[b].size();
        for (std::size_t lane = 0; lane < blocks[b].size(); ++lane) {
          const std::size_t second = b * kLanes + lane;
          std::size_t most = images;
          if (limited) {
            Bill both = alone[first];
            both.stages.push_back(alone[second].stages[0]);
            both.model_kb += alone[second].model_kb;
            both.memory_kb = both.model_kb + std::max(alone[first].memory_kb - alone[first].model_kb,
                                                      alone[second].memory_kb - alone[second].model_kb);
            const auto allowed = most_moved(both, options.budgets, images);
            if (!allowed) continue;
            most = *allowed;
          }
          const double each = on_axis(alone[second].stages[0], options.axis) / static_cast<double>(images);
          for (std::size_t level = first_level; level < evaluator.levels().size(); ++level) {
            const auto moved =
                std::min(most, static_cast<std::size_t>((evaluator.levels().upper(level) - start) / each));
            const double accuracy = static_cast<double>(curves.right(moved, lane)) / static_cast<double>(images);
            if (accuracy > leaders.worst(level)) leaders.insert(level, {accuracy, first, second, policy});
            if (moved == most) break;
          }
        }
      }
    }
  }
  return count;
}

void collect(const Leaders& leaders, std::span<const ExitNet* const> nets, std::vector<Genome>& genomes,
             std::set<std::string>& seen) {
  for (std::size_t level = 0; level < leaders.levels(); ++level) {
    for (const Found& found : leaders.level(level)) {
      Genome genome{found.policy, {leg_of(*nets[found.first]), leg_of(*nets[found.second])}};
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
  std::vector<std::vector<Single>> of_level(evaluator.levels().size());
  std::uint64_t count = 0;
  for (const ExitNet* net : nets) {
    const int last = static_cast<int>(net->arch.blocks.size()) - 1;
    for (const int block : structures.exits) {
      if (block >= last) break;
      for (const plan::PolicyKind policy : structures.policies) {
        const Genome genome{policy, {leg_of(*net, {block})}};
        ++count;
        for (const OperatingPoint& point : evaluator.evaluate(genome)) {
          if (point.violation == 0) of_level[evaluator.levels().level(point.cost)].push_back({point.accuracy, genome});
        }
      }
    }
  }
  for (std::vector<Single>& list : of_level) {
    std::ranges::stable_sort(list, std::ranges::greater{}, &Single::accuracy);
    for (std::size_t i = 0; i < std::min(keep, list.size()); ++i) {
      if (seen.insert(list[i].genome.text()).second) genomes.push_back(list[i].genome);
    }
  }
  return count;
}

}  // namespace

SweepResult sweep_pairs(const Evaluator& evaluator, const Structures& structures, std::span<const ExitNet* const> nets,
                        std::size_t keep) {
  SweepResult result;
  std::set<std::string> seen;
  if (structures.most_stages < 2 || nets.empty()) return result;
  if (structures.cascades) {
    Leaders leaders(evaluator.levels().size(), keep);
    result.curves += cascades(evaluator, structures, nets, leaders);
    collect(leaders, nets, result.genomes, seen);
  }
  if (structures.early_exits) result.curves += early_exits(evaluator, structures, nets, keep, result.genomes, seen);
  return result;
}

}  // namespace triage::search
