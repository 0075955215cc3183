// triage search --ablation: every method on the same scored subnets, then its plans on the test split.
#pragma once

#include "workflow/search/search_run.h"
#include "workflow/study/ablation_result.h"

namespace triage::workflow {

struct AblationRequest {
  std::uint64_t trials = 5000;  // of each method that searches
  int seeds = 3;                // searches and samples of subnets: the configuration's seed and those behind it
};

struct AblationFiles {
  Comparison comparison;
  Json written;  // RUN/ablation.json
};

// Writes RUN/ablation.json and RUN/ablation.png; studies are kept in RUN/ablation/. Resumable.
AblationFiles run_ablation(SearchRun& opened, const AblationRequest& request);

}  // namespace triage::workflow
