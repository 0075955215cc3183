// Several processes, on one machine or on many, score the subnets of one supernet: each takes the next one that nobody
// is at, so how many there are decides how long it takes and nothing else.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/context.h"
#include "search/store/subnet_work.h"

namespace triage::workflow {

struct SubnetScoring {
  std::function<bool(const std::string& subnet)> known;  // its answers are in the store
  std::function<void(const std::string& subnet)> score;  // asks it, and puts what it says there
};

// Returns when the answers of all `subnets` are in the store, whoever scored them. Throws Interrupted where a stop is
// asked for; what is scored is kept.
void score_together(search::SubnetWork& work, const std::vector<std::string>& subnets, const SubnetScoring& scoring,
                    const Context& context);

// Scores what others want until the work has ended; returns how many. Throws Interrupted where a stop is asked for.
std::size_t score_for_others(search::SubnetWork& work, const SubnetScoring& scoring, const Context& context);

// "3 processes", of a progress line; empty where there is one.
std::string processes_note(std::size_t workers);

}  // namespace triage::workflow
