#include "route/router/fit_routing.h"

#include <algorithm>
#include <numeric>

#include "route/curve.h"
#include "route/metric.h"
#include "route/temperature.h"

namespace triage::route {
namespace {

constexpr int kPolicyFolds = 3;  // each trains routers once more

// Area under accuracy over the share of avoidable cost, routed by confidence.
double area(const plan::Plan& plan, const ScoreTable& table) {
  const ExitAnswers answers = exit_answers(plan, plan::PolicyKind::confidence, table);
  return CurveMaker(answers.verdicts.correct, answers.scores, path_latency_us(plan)).area().area;
}

// Leaves the weights in the plan where they win on the validation split too.
void answer_together(plan::Plan& plan, const ScoreTable& table, const ScoreTable& validation,
                     std::span<const double> temperatures, FittedRouting& out) {
  std::vector<std::size_t> chain(plan.stages.size());
  std::iota(chain.begin(), chain.end(), std::size_t{0});
  out.answers = fit_answer_weights(table, temperatures, chain);
  if (std::ranges::all_of(out.answers, [](const FittedAnswer& answer) { return answer.weights.empty(); })) return;
  plan::Plan together = plan;
  for (std::size_t s = 0; s < chain.size(); ++s) together.stages[s].exit.answer_weights = out.answers[s].weights;
  const double before = area(plan, validation), after = area(together, validation);
  out.answers_kept = after > before;
  if (!out.answers_kept) return;
  plan = std::move(together);
  for (std::size_t s = 0; s < chain.size(); ++s) {
    if (out.answers[s].weights.empty()) continue;
    std::string weights;
    for (const double weight : out.answers[s].weights)
      weights += std::format("{}{:.3g}", weights.empty() ? "" : " ", weight);
    out.notes.push_back(std::format(
        "exit '{}' answers together with the stages before it, weights {}: {:+.2f} points on {} held-out images, "
        "{:+.2f} "
        "in the area of the curve on the validation split",
        plan.stages[s].name, weights, out.answers[s].points, out.answers[s].images, 100 * (after - before)));
  }
}

// Scores of each image by routers that were trained without it.
ExitScores held_out_scores(const plan::Plan& plan, const ScoreTable& table, std::span<const std::uint8_t> folds,
                           const RouterTrainingOptions& options) {
  ExitScores out(plan.stages.size() - 1, std::vector<float>(table.count()));
  RouterTrainingOptions once = options;
  once.repeats = 1;
  for (int fold = 0; fold < kPolicyFolds; ++fold) {
    const std::vector<std::uint32_t> rows = rows_of_fold(folds, fold);
    plan::Plan trained = plan;
    const TrainedRouters routers =
        train_routers(select(table, rows_of_fold(folds, fold, true)), exits_of(plan), path_latency_us(plan), once);
    for (std::size_t e = 0; e < routers.routers.size(); ++e) trained.stages[e].exit.router = routers.routers[e];
    const ExitScores scores = policy_scores(trained, plan::PolicyKind::learned, select(table, rows));
    for (std::size_t e = 0; e < out.size(); ++e)
      for (std::size_t k = 0; k < rows.size(); ++k) out[e][rows[k]] = scores[e][k];
  }
  return out;
}

// held_out: of learned routers; empty: they are not compared.
PolicyChoice choose(const plan::Plan& plan, const ScoreTable& table, std::span<const std::uint8_t> folds,
                    const ExitScores& held_out, const RoutingRequest& request) {
  std::vector<PolicyCandidate> candidates;
  for (const plan::PolicyKind policy : plan::kPolicyKinds) {
    if (policy == plan::PolicyKind::confidence) continue;
    if (policy == plan::PolicyKind::agreement && plan.stages.size() < 3) continue;  // as confidence
    if (policy == plan::PolicyKind::learned) {
      if (!held_out.empty()) candidates.push_back({policy, held_out});
      continue;
    }
    candidates.push_back({policy, policy_scores(plan, policy, table)});
  }
  const ExitAnswers plain = exit_answers(plan, plan::PolicyKind::confidence, table);
  return choose_policy(plain.verdicts, plain.scores, candidates, folds, image_values(request.metric, table.labels));
}

}  // namespace

FittedRouting fit_routers(plan::Plan& plan, const ScoreTable& route_split, const RoutingRequest& request) {
  FittedRouting out;
  plan.policy = request.policy.value_or(plan::PolicyKind::confidence);
  if (plan.stages.size() < 2) return out;
  out.trained = train_routers(route_split, exits_of(plan), path_latency_us(plan), request.routers);
  for (std::size_t e = 0; e < out.trained.routers.size(); ++e) plan.stages[e].exit.router = out.trained.routers[e];
  if (request.policy) return out;
  // Two thirds of the images train in a fold; a router that found nothing ranks as confidence does.
  const bool enough = route_split.count() * (kPolicyFolds - 1) / kPolicyFolds >= min_images(request.routers);
  const std::vector<std::uint8_t> folds = folds_of(route_split.count(), kPolicyFolds, request.routers.seed);
  if (out.trained.learned && enough) out.held_out = held_out_scores(plan, route_split, folds, request.routers);
  out.choice = choose(plan, route_split, folds, out.held_out, request);
  plan.policy = out.choice->policy;
  std::string gains;
  for (const PolicyGain& gain : out.choice->gains) gains += (gains.empty() ? "" : "; ") + to_text(gain);
  if (!out.trained.learned) gains += "; the router found nothing that confidence does not say";
  out.notes.push_back(std::format("policy {}, on folds of {} images of the route split: {}",
                                  plan::to_string(plan.policy), route_split.count(), gains));
  return out;
}

FittedRouting fit_routing(plan::Plan& plan, const ScoreTable& route_split, const ScoreTable& validation,
                          const RoutingRequest& request) {
  FittedRouting answers;
  const std::vector<double> temperatures = fit_temperatures(route_split);
  for (std::size_t s = 0; s < plan.stages.size(); ++s) plan.stages[s].exit.temperature = temperatures[s];
  if (request.answers_together && plan.stages.size() > 1)
    answer_together(plan, route_split, validation, temperatures, answers);
  FittedRouting out = fit_routers(plan, route_split, request);
  out.answers = std::move(answers.answers);
  out.answers_kept = answers.answers_kept;
  out.notes.insert(out.notes.begin(), answers.notes.begin(), answers.notes.end());
  return out;
}

Json to_json(const FittedRouting& fitted) {
  Json json = Json::object();
  if (!fitted.answers.empty())
    json["answers_together"] = {{"kept", fitted.answers_kept}, {"exits", to_json(fitted.answers)}};
  if (fitted.choice) json["policy"] = to_json(*fitted.choice);
  return json;
}

}  // namespace triage::route
