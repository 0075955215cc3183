// Which exits answer together with the stages before them (plan::Exit::answer_weights), from a ScoreTable.
//
// An exit is asked about the images that those before it were unsure of, so its weights are judged on such: of the
// images that come to the exit before, the half with the lowest confidence there. Candidates give 1/4, 1/2 or 3/4 to
// the answers so far: to the exit before alone, as it answers, or to all stages so far alike. The one that is right
// most often (of equal ones the most likely) is kept where it wins on folds that took no part in choosing it, by a
// standard error.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "route/score_table.h"

namespace triage::route {

struct AnswerWeightOptions {
  int folds = 5;
  std::uint64_t seed = 1;        // of the folds
  std::size_t min_images = 200;  // to judge an exit by; with fewer in the table no exit gets weights
};

struct FittedAnswer {           // of one exit
  std::vector<double> weights;  // one for each stage of the chain up to this one; empty: its own answer alone
  std::size_t images = 0;       // it was judged on
  // On the held-out folds, of what was chosen there over the own answer alone: points of accuracy, their standard
  // error.
  double points = 0, error = 0;
};

// One per stage of the chain: the stages `chain` of the table in the order they are asked. temperatures: one per stage
// of the table. Use the route split. Deterministic.
std::vector<FittedAnswer> fit_answer_weights(const ScoreTable& table, std::span<const double> temperatures,
                                             std::span<const std::size_t> chain,
                                             const AnswerWeightOptions& options = {});

Json to_json(const std::vector<FittedAnswer>& answers);  // in the order of the exits

}  // namespace triage::route
