// triage search --ablation: every method on the same scored subnets, then its plans on the test split.
#pragma once

#include "workflow/search/search_run.h"

namespace triage::workflow {

struct AblationRequest {
  std::uint64_t trials = 5000;  // of each method that searches
  int seeds = 3;                // searches and samples of subnets: the configuration's seed and those behind it
  std::string figures;          // results/*.json; empty: not recorded
  std::string picture;          // a copy of RUN/ablation.png; empty: none
  std::string command;
  bool json = false;
};

// Writes RUN/ablation.json and RUN/ablation.png; studies are kept in RUN/ablation/. Resumable.
void run_ablation(SearchRun& opened, const AblationRequest& request);

}  // namespace triage::workflow
