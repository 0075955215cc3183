// What a joint search is held against: other ways to plans from the same scored subnets.
//
// Methods that search (a part of) the space do so with as many trials as the joint search, each in a study of its own;
// the others look at all nets there are. All choose on the same images, by the same solver, at the same costs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "search/evolve/joint_search.h"

namespace triage::search {

struct Contender {
  std::string name, says;          // "cascade only"; one sentence
  std::vector<FrontPoint> points;  // rising cost and accuracy, at most one for each level of cost
};

struct AblationOptions {
  SearchOptions search;               // no subnets but the initial ones; ends with max_trials alone
  std::optional<Genome> hand_picked;  // nets of a plan made without any search; its policy is not looked at
};

// The study of a method that searches.
using OpenStudy = std::function<Study(const std::string& method, const Json& search)>;
using AblationProgress = std::function<void(const std::string& method, std::uint64_t trials)>;

// The joint search first. The evaluator's pool holds the initial subnets. Throws Interrupted when it is to stop
// (search.stop); studies keep what is done.
//   joint              all of the space
//   random             the same, genomes drawn without selection
//   cascade only, early exits only
//   unrouted           pairs chosen by what an oracle could make of them, thresholds afterwards
//   independent pairs  every pair of nets that are best alone for their cost
//   independent        one pair: the knee of the nets alone, and the most accurate one
//   hand-picked        where given
//   static             every net alone
std::vector<Contender> ablate(const Evaluator& evaluator, const AblationOptions& options, const OpenStudy& open,
                              const AblationProgress& progress);

}  // namespace triage::search
