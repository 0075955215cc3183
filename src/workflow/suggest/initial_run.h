// A configuration from the data and the time that there is: `triage init`, `triage auto`.
#pragma once

#include "workflow/run/dry_run.h"
#include "workflow/suggest/initial_config.h"

namespace triage::workflow {

struct InitialRequest {
  fs::path data;  // class folders, alone or in train, val and test, or an imported data set of one size
  fs::path out;   // the configuration; a folder's data set is made beside it
  double minutes = 30;
  std::optional<double> most_latency_us;
  int side = 0;  // of a folder's images; 0: from theirs, and smaller where the time is too short
  Context context;
};

// Writes request.out. Measures the presets' latency and, with `estimate`, their training, on this machine. Throws Error
// where no pair keeps the limit, and what import_folder() throws; Interrupted.
InitialConfig make_initial_config(const InitialRequest& request,
                                  const EstimateTraining& estimate = train::estimate_training);

}  // namespace triage::workflow
