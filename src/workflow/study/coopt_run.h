// A run directory's co-optimisation: searches in RUN/coopt/, what they come to in RUN/coopt.json and RUN/coopt.png.
#pragma once

#include "workflow/search/search_run.h"
#include "workflow/study/coopt.h"

namespace triage::workflow {

struct CooptFiles {
  Coopt coopt;
  Json written;  // RUN/coopt.json
};

// Resumable: a search that was stopped or killed goes on where it was. command: that is recorded. Throws Error where
// the axis is the same under all cost models, or where their tables were measured on different machines.
CooptFiles run_coopt(SearchConfig config, const fs::path& run, const CooptRequest& request, const std::string& command,
                     const Context& context);

}  // namespace triage::workflow
