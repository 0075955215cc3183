// A search that goes on until it is done or stopped.
#pragma once

#include "search/evolve/joint_search.h"
#include "workflow/search/search_run.h"

namespace triage::workflow {

struct JointRun {
  search::Front front;  // as RUN/front.json
  search::SearchStatus status;
};

// Scores the subnets that the search begins with, makes trials until it is done or a stop is asked for, and writes
// RUN/front.json and RUN/front.png of what was found. study: where trials are kept, a SQLite file or a database; empty:
// RUN/search.sqlite. Subnets are scored together with all other processes that work on this study.
JointRun run_search(SearchRun& opened, const std::string& study = {});

// Nothing but the scoring of subnets, for searches that other processes make on this study: until they end. Needs no
// costs and no run directory. Returns how many subnets were scored here; throws Interrupted where a stop is asked for.
std::size_t score_for_search(const SearchConfig& config, const std::string& study, const Context& context);

}  // namespace triage::workflow
