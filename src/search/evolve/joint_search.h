// The joint search over architectures, exits, stages and policies, with thresholds solved exactly for each.
//
// A study is a row of batches. A batch takes the population that all trials so far leave (population.h), draws genomes
// (now and then the winners of a sweep over all pairs, else children of the population, or random ones), asks for the
// few nets that nobody has scored yet, solves every genome's thresholds and records the trials. What a batch does
// depends on the seed, its number and the trials before it alone.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "core/context.h"
#include "search/evolve/front.h"
#include "search/evolve/population.h"
#include "search/evolve/variation.h"
#include "search/store/study.h"

namespace triage::search {

struct SearchOptions {
  Structures structures;
  std::uint64_t seed = 1;
  bool random = false;                // the control: every genome drawn afresh
  std::size_t initial_subnets = 200;  // scored before the first batch, of all sizes
  std::size_t max_subnets = 1000;     // scored in all
  std::size_t new_subnets = 4;        // scored for one batch at most
  std::size_t batch = 256;            // genomes
  std::size_t population = 200;
  int sweep_every = 10;        // batches; the first one sweeps
  std::size_t sweep_keep = 2;  // pairs of each level of cost
  std::uint64_t max_trials = 100'000;
  double max_minutes = 60;  // of batches, over all parts of an interrupted search
  double settled = 0.005;   // relative gain of hypervolume ...
  int patience = 15;        // ... over this many batches below which the search ends
  StopToken stop;           // of search_all_trials()
};
Json to_json(const SearchOptions& options);  // all that decides which trials there are

struct SearchStatus {
  std::uint64_t batches = 0, trials = 0;
  std::size_t subnets = 0;  // scored
  std::size_t workers = 1;  // this one among them
  double hypervolume = 0, minutes = 0;
  double best_accuracy = 0, best_cost = 0;  // of the most accurate point that keeps the budgets; 0: none yet
  bool done = false;
  std::string why;  // done: "settled", "trials", "minutes"
};

class JointSearch {
 public:
  // The evaluator's pool holds the initial subnets already (initial_subnets()). All are kept by the caller.
  JointSearch(Study& study, const Evaluator& evaluator, SearchOptions options);

  // The subnets to score before a search begins: of each space its ends and samples of all sizes.
  static std::vector<family::ArchSpec> initial_subnets(const SearchOptions& options);

  SearchStatus status();  // reads what other processes have added
  void run_batch();       // one; may score new_subnets nets
  Front front();          // of all trials so far

 private:
  struct Known {  // nets of the initial subnets and of trials: a function of the study alone
    std::set<std::string> names;
    std::vector<KnownNet> by_cost;
    std::size_t subnets = 0;
  };
  void sync();
  void learn(const Genome& genome);
  std::vector<std::pair<Genome, std::string>> draw(std::uint64_t batch);
  std::vector<CostAccuracy> feasible() const;

  Study& study_;
  const Evaluator& evaluator_;
  SearchOptions options_;
  Variation variation_;
  Population population_;
  Known known_;
  std::uint64_t last_trial_ = 0;
  std::set<std::string> tried_;
  threshold::LevelTable<Individual> kept_, broken_;  // of each level those that keep the budgets; that break one
  double reference_ = 0;  // accuracy of the worst smallest subnet, from where hypervolume counts
};

// A search that makes all of options.max_trials, whatever its hypervolume does, or ends where three batches in a row
// found no new genome: so that searches that are compared get the same. Throws Interrupted when it is to stop;
// the study keeps what is done.
Front search_all_trials(Study& study, const Evaluator& evaluator, const SearchOptions& options,
                        const std::function<void(std::uint64_t trials)>& progress);

}  // namespace triage::search
