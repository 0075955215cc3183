#include "search/evolve/ablation.h"

#include <algorithm>
#include <bit>

#include "core/error.h"

namespace triage::search {
namespace {

// The most accurate points of each level of cost that keep the budgets.
class BestOfLevels {
 public:
  explicit BestOfLevels(const Evaluator& evaluator) : evaluator_(evaluator), best_(evaluator.levels().size()) {}

  void add(const Genome& genome) {
    const std::vector<cost::CostedStage> costs = evaluator_.stage_costs(genome);
    for (OperatingPoint& point : evaluator_.evaluate(genome)) {
      const std::size_t level = evaluator_.levels().level(point.cost);
      if (point.violation > 0 || !best_.improves(level, point)) continue;
      best_.offer(level, {genome, point.accuracy, plan_cost(costs, point.reach), std::move(point.thresholds),
                          std::move(point.reach)});
    }
  }
  std::vector<FrontPoint> points() const { return best_.rising(); }

 private:
  const Evaluator& evaluator_;
  threshold::LevelTable<FrontPoint, threshold::MoreAccurate> best_;
};

// A pair under every policy.
void add_pair(BestOfLevels& best, const Structures& structures, const Net& first, const Net& second) {
  for (const plan::PolicyKind policy : structures.policies) best.add({policy, {first, second}});
}

std::vector<FrontPoint> pairs_of(const Evaluator& evaluator, const Structures& structures,
                                 std::span<const FrontPoint> alone) {
  BestOfLevels best(evaluator);
  for (std::size_t a = 0; a < alone.size(); ++a) {
    best.add(alone[a].genome);
    for (std::size_t b = a + 1; b < alone.size(); ++b) {
      add_pair(best, structures, alone[a].genome.nets[0], alone[b].genome.nets[0]);
    }
  }
  return best.points();
}

using Bits = std::vector<std::uint64_t>;

Bits bits_of(const std::vector<std::uint8_t>& correct) {
  Bits bits((correct.size() + 63) / 64);
  for (std::size_t i = 0; i < correct.size(); ++i) bits[i / 64] |= std::uint64_t{correct[i]} << (i % 64);
  return bits;
}

// Of each level of cost the pair that an oracle could make most of; then thresholds for those.
std::vector<FrontPoint> unrouted(const Evaluator& evaluator, const Structures& structures,
                                 std::span<const FrontPoint> singles) {
  struct ScoredNet {
    const FrontPoint* point;
    Bits correct;
    std::size_t count;  // of those
    double cost;
  };
  std::vector<ScoredNet> nets;
  for (const FrontPoint& single : singles) {
    const Net& leg = single.genome.nets[0];
    const std::vector<std::uint8_t>& correct = evaluator.pool().get(leg.arch, leg.precision).validation.correct;
    nets.push_back({&single, bits_of(correct), static_cast<std::size_t>(std::ranges::count(correct, 1)),
                    on_axis(single.cost, evaluator.options().axis)});
  }
  struct Pair {
    const ScoredNet *first = nullptr, *second = nullptr;
    double accuracy = 0;  // of the oracle
  };
  threshold::LevelTable<Pair, threshold::MoreAccurate> best_pair(evaluator.levels().size());
  const auto images = static_cast<double>(evaluator.pool().images());
  for (const ScoredNet& first : nets) {
    for (const ScoredNet& second : nets) {
      if (second.cost <= first.cost) continue;
      std::size_t won = 0;
      for (std::size_t w = 0; w < first.correct.size(); ++w) {
        won += static_cast<std::size_t>(std::popcount(second.correct[w] & ~first.correct[w]));
      }
      const double cost = first.cost + second.cost * static_cast<double>(won) / images;
      best_pair.offer(evaluator.levels().level(cost),
                      Pair{&first, &second, static_cast<double>(first.count + won) / images});
    }
  }
  BestOfLevels best(evaluator);
  for (std::size_t level = 0; level < best_pair.levels(); ++level) {
    for (const Pair& pair : best_pair.at(level))
      add_pair(best, structures, pair.first->point->genome.nets[0], pair.second->point->genome.nets[0]);
  }
  return best.points();
}

Front searched(const Evaluator& evaluator, const SearchOptions& options, const std::string& method,
               const OpenStudy& open, const AblationProgress& progress) {
  Study study = open(method, to_json(options));
  return search_all_trials(study, evaluator, options, [&](std::uint64_t trials) { progress(method, trials); });
}

}  // namespace

std::vector<Contender> ablate(const Evaluator& evaluator, const AblationOptions& options, const OpenStudy& open,
                              const AblationProgress& progress) {
  SearchOptions search = options.search;
  search.new_subnets = 0;
  const Structures& structures = search.structures;
  std::vector<Contender> contenders;
  const Front joint = searched(evaluator, search, "joint", open, progress);
  contenders.push_back({"joint", "nets, exits, stages, policies and thresholds together", joint.points});
  const auto restricted = [&](const char* name, const char* says, auto&& restrict) {
    SearchOptions part = search;
    restrict(part);
    contenders.push_back({name, says, searched(evaluator, part, name, open, progress).points});
  };
  restricted("random", "the same space, drawn without selection", [](SearchOptions& o) { o.random = true; });
  restricted("cascade only", "every stage starts from the image",
             [](SearchOptions& o) { o.structures.early_exits = false; });
  restricted("early exits only", "one net and its exits", [](SearchOptions& o) { o.structures.cascades = false; });
  contenders.push_back({"unrouted", "pairs chosen by what an oracle could make of them, thresholds afterwards",
                        unrouted(evaluator, structures, joint.singles)});

  BestOfLevels alone(evaluator);
  for (const FrontPoint& single : joint.singles) alone.add(single.genome);
  Front statics{.axis = joint.axis, .budgets = joint.budgets, .points = alone.points()};
  if (statics.points.empty()) fail("ablation: expected nets that keep the budgets alone, found none");
  contenders.push_back({"independent pairs", "every pair of nets that are best alone for their cost",
                        pairs_of(evaluator, structures, statics.points)});
  BestOfLevels pair(evaluator);
  add_pair(pair, structures, knee_of(statics).genome.nets[0], statics.points.back().genome.nets[0]);
  contenders.push_back({"independent", "the knee of the nets alone and the most accurate one", pair.points()});
  if (options.hand_picked) {
    BestOfLevels hand(evaluator);
    for (const plan::PolicyKind policy : structures.policies) hand.add({policy, options.hand_picked->nets});
    contenders.push_back({"hand-picked", options.hand_picked->text(), hand.points()});
  }
  contenders.push_back({"static", "every net alone", std::move(statics.points)});
  return contenders;
}

}  // namespace triage::search
