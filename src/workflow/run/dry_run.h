// What `triage train` and `triage run` would do: sizes of data, splits and networks, and how long training will take.
#pragma once

#include <functional>

#include "train/estimate.h"
#include "workflow/run/pipeline.h"

namespace triage::workflow {

using EstimateTraining = std::function<train::TrainEstimate(const train::TrainJob& job, double seconds)>;

// "data", "splits", "networks" (supernet first, then stages in the configuration's order) and "training_minutes", as
// --dry-run --json prints it. Writes nothing. A network that is not trained yet stands in for a teacher: its answers
// take as long. estimate: of one training from a few steps of it; a network of 0 epochs is not estimated.
Json dry_run(const Workspace& workspace, const EstimateTraining& estimate = train::estimate_training);

}  // namespace triage::workflow
