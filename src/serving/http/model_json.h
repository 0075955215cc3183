// Inside serving/http: what is said of the server and its plans.
#pragma once

#include "core/json.h"
#include "serving/http/http_server.h"
#include "serving/plan_repository.h"
#include "triage/curve.h"

namespace triage::serving {

Json server_json();
Json model_json(const ServedPlan& plan, const std::vector<std::string>& versions);
// Ours, for the page: classes, stages, thresholds, and the measured curve where there is one (null: none).
Json plan_json(const ServedPlan& plan, const PlanCurve* curve);
Json stats_json(const ServedPlan& plan);
std::string http_metrics_text(const HttpCounts& counts);

}  // namespace triage::serving
