// Costs that were measured for a run's plan and may be taken again.
#pragma once

#include "core/files/file.h"
#include "plan/plan.h"

namespace triage::workflow {

// RUN/checkpoint/costs.key.json: what costs.json was measured of, and the very file that this speaks of.
fs::path costs_key(const fs::path& run);
Json costs_made_from(const plan::Plan& bare, int threads, const fs::path& costs);

// Whether RUN/costs.json and RUN/latency.json are of these stages, by their files, at so many threads.
bool are_measured(const fs::path& run, const plan::Plan& bare, int threads);

}  // namespace triage::workflow
