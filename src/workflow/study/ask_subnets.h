// Subnets asked about a split's images, what they say kept in a store.
#pragma once

#include "workflow/search/open_supernet.h"

namespace triage::workflow {

struct AskedSplit {
  AnswersOf answers;
  AnswersAt at;  // location: of the store; name: of the work and, on a server, of the store
};

// Asks every subnet that is not in the store, together with all other processes that do so; returns seconds for each
// that was asked here. Throws Interrupted where a stop is asked for; what was asked is kept.
std::vector<double> ask_subnets(const OpenSupernet& supernet, const std::vector<family::ArchSpec>& wanted,
                                const AskedSplit& split, search::LogitStore& store);

}  // namespace triage::workflow
