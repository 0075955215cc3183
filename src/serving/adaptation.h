// A plan that serves and follows its load, and an audit of its traffic: what the repository's `watch` gets for each
// plan, from the options of `triage serve`. docs/adapting.md says what both do.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "serving/plan_repository.h"
#include "triage/audit.h"
#include "triage/controller.h"

namespace triage::serving {

struct AdaptationOptions {
  std::optional<ControllerOptions> controller;  // none: thresholds stay
  std::optional<AuditOptions> audit;            // none: nobody runs further than he must; its log is not called
  bool apply_audit = false;  // while scores drift, the thresholds that the audit solved are in force (audit is set)
  std::function<void(const std::string& line)> log;  // of the plan's name and what happened; thread-safe; may be empty
  Clock clock = steady_seconds;
};

// "p99=5ms" (us, ms, s): the percentile and the time. Throws Error that says what was expected.
void set_slo(ControllerOptions& options, const std::string& text);

// "90%" as 0.9; from 0 % to 100 %. Throws Error that says what was expected.
double share_from_percent(const std::string& text);

// For RepositoryOptions::watch. workers: batches that run at the same time. Throws Error, so that the plan is not
// loaded, where it has no curve.json, or none between the bounds. Plans of one stage are left alone, with a line of
// log.
Watch watch_adapting(const PlanToWatch& plan, const AdaptationOptions& options, int workers);

}  // namespace triage::serving
