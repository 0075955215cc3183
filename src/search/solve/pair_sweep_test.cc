#include "search/solve/pair_sweep.h"

#include <gtest/gtest.h>

#include "search/search_test_support.h"

namespace triage::search {
namespace {

class PairSweep : public testing::Test {
 protected:
  explicit PairSweep(std::size_t images = 200, std::size_t subnets = 30)
      : source_(fake_spaces(), images), pool_(source_, fake_spaces()) {
    structures_.spaces = fake_spaces();
    structures_.policies = {plan::PolicyKind::confidence, plan::PolicyKind::margin};
    for (const family::ArchSpec& subnet : structures_.spaces[0].space->sample_distinct(subnets, 1)) pool_.add(subnet);
    for (const auto& [name, net] : pool_.nets()) nets_.push_back(net.get());
  }
  Evaluator evaluator(const cost::Budgets& budgets = {}) {
    return {pool_, costs_, {.classes = 4, .budgets = budgets, .levels = 24, .max_stages = 2}};
  }

  void check(const cost::Budgets& budgets) {
    const Evaluator evaluate = evaluator(budgets);
    std::vector<double> wanted(evaluate.levels().size()), found(wanted.size());
    const auto note = [&](std::vector<double>& best, const Genome& genome) {
      for (const OperatingPoint& point : evaluate.evaluate(genome)) {
        if (point.violation > 0) continue;
        for (std::size_t level = evaluate.levels().level(point.cost); level < best.size(); ++level) {
          best[level] = std::max(best[level], point.accuracy);
        }
      }
    };
    for (const ExitNet* first : nets_) {
      for (const plan::PolicyKind policy : structures_.policies) {
        for (const ExitNet* second : nets_) note(wanted, {policy, {{first->arch, {}}, {second->arch, {}}}});
        for (int block : {1, 2}) {
          if (block + 1 < static_cast<int>(family::sections(first->arch)))
            note(wanted, {policy, {{first->arch, {block}}}});
        }
      }
    }
    const SweepResult result = sweep_pairs(evaluate, structures_, nets_, 1);
    EXPECT_GT(result.curves, nets_.size() * nets_.size());
    for (const Genome& genome : result.genomes) {
      structures_.check(genome);
      note(found, genome);
    }
    EXPECT_EQ(found, wanted);
  }

  FakeAnswers source_;
  NetPool pool_;
  FakeCosts costs_;
  Structures structures_;
  std::vector<const ExitNet*> nets_;
};

// The best of each level, found by solving every pair on its own.
TEST_F(PairSweep, FindsTheBestPairOfEveryLevel) {
  for (const cost::Budgets& budgets : {cost::Budgets{}, cost::Budgets{.p90_latency_us = 60, .memory_kb = 150}}) {
    check(budgets);
  }
}

class LargePairSweep : public PairSweep {
 protected:
  LargePairSweep() : PairSweep(66'000, 2) {}  // more images than 16 bits count
};

TEST_F(LargePairSweep, FindsTheBestPairOfEveryLevel) { check({}); }

}  // namespace
}  // namespace triage::search
