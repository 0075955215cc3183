// Subnets asked about a split's images, what they say kept in a store.
#pragma once

#include "workflow/search/open_supernet.h"

namespace triage::workflow {

// Asks every subnet that is not in the store; returns seconds for each of those. split: whose answers the store holds.
// Throws Interrupted where a stop is asked for; what was asked is kept.
std::vector<double> ask_subnets(const OpenSupernet& supernet, const std::vector<plan::ArchSpec>& wanted,
                                const std::string& split, const train::RecalibrationOptions& recalibration,
                                search::LogitStore& store);

}  // namespace triage::workflow
