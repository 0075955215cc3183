// A plan's directory made into a plan that serves: with which engine, by whether its directory is trusted, and with who
// watches it.
#pragma once

#include "serving/plan_repository.h"

namespace triage::serving {

// Throws what RepositoryOptions::open and ::watch throw, and engine::Failure (unsupported) where an engine of kernels
// is asked for by name and the directory lies in none that is trusted.
std::shared_ptr<ServedPlan> open_served_plan(const std::string& name, const std::string& version,
                                             const std::string& directory, const RepositoryOptions& options,
                                             std::shared_ptr<Workers> workers, MetricsRegistry& metrics);

}  // namespace triage::serving
