// Everything of a plan's routing that is fitted on the route split: temperatures, which exits answer together, routers,
// and the policy where none was named.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "route/answer_weights.h"
#include "route/policy_choice.h"
#include "route/router/router_training.h"

namespace triage::route {

struct RoutingRequest {
  std::optional<plan::PolicyKind> policy;  // none: confidence, or the one that wins against it
  bool answers_together = true;            // where that wins on the route split's folds and on the validation split
  RouterTrainingOptions routers;
  plan::Metric metric = plan::Metric::accuracy;  // that policies are compared by
};

struct FittedRouting {
  TrainedRouters trained;              // of the routers in the plan; of one stage: none
  std::vector<FittedAnswer> answers;   // by exit; empty: not asked for
  bool answers_kept = false;           // they are in the plan
  std::optional<PolicyChoice> choice;  // none: the policy was named, or there is one stage
  // Where learned routers were compared: what those that were trained without an image say of it; else empty.
  ExitScores held_out;
  std::vector<std::string> notes;  // for people: what was chosen and why
};

// Sets plan.policy and of every exit temperature, answer_weights and router. plan: its stages, the tables' too, have
// measured costs. Where the policy is to be chosen, learned routers are judged by others that were trained without the
// images they are judged on; temperatures, one number a stage, are of the whole split. Deterministic for a seed and
// thread count. Throws Error as train_routers() does.
FittedRouting fit_routing(plan::Plan& plan, const ScoreTable& route_split, const ScoreTable& validation,
                          const RoutingRequest& request = {});

// The same of routers and policy alone, for a plan whose exits have their temperatures and answer weights.
FittedRouting fit_routers(plan::Plan& plan, const ScoreTable& route_split, const RoutingRequest& request = {});

Json to_json(const FittedRouting& fitted);  // of answers and policy

}  // namespace triage::route
