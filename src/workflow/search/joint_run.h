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
// RUN/search.sqlite.
JointRun run_search(SearchRun& opened, const std::string& study = {});

}  // namespace triage::workflow
