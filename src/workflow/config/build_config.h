// What a plan is to be, as a configuration's [build] says it.
#pragma once

#include <optional>
#include <string>

#include "core/config.h"
#include "cost/plan_cost.h"
#include "plan/plan.h"

namespace triage::workflow {

struct BuildTarget {  // which point of the policy's curve becomes the plan: at most one of these; none: the knee
  std::optional<double> latency_us, accuracy;
  std::optional<double> max_drop;  // cheapest that loses no more accuracy than this against the last net alone
  bool knee() const { return !latency_us && !accuracy && !max_drop; }
};

struct BuildConfig {
  std::optional<plan::PolicyKind> policy;  // none: "auto", the one that wins on folds of the route split
  bool answers_together = true;            // exits may answer together with the stages before them, where that wins
  bool single_net = true;                  // one net alone may become the plan
  BuildTarget target;
  plan::Metric metric = plan::Metric::accuracy;  // that the point is chosen by
  cost::Budgets budgets;                         // hard limits of the plan, as measured
  double profile_seconds = 2;                    // per stage
};

// "auto": none. where: for the message.
std::optional<plan::PolicyKind> policy_or_auto(const std::string& text, const std::string& where);

// All keys of the section, [build.budget] too. origin: of the configuration.
void read_build_config(ConfigSection section, BuildConfig& build, const std::string& origin);

}  // namespace triage::workflow
