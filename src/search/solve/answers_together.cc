#include "search/solve/answers_together.h"

#include <numeric>

#include "route/answer_weights.h"
#include "runtime/answers.h"

namespace triage::search {
namespace {

float score_of(const runtime::Evidence& seen, plan::PolicyKind policy) {
  if (policy == plan::PolicyKind::entropy) return seen.entropy;
  return 1 - (policy == plan::PolicyKind::margin ? seen.margin : seen.confidence);
}

// Calibrated probabilities [images, classes].
std::vector<float> calibrated(const std::vector<float>& logits, double temperature, std::size_t classes) {
  std::vector<float> probabilities(logits.size());
  for (std::size_t at = 0; at < logits.size(); at += classes) {
    runtime::calibrate(std::span(logits).subspan(at, classes), static_cast<float>(temperature),
                       std::span(probabilities).subspan(at, classes));
  }
  return probabilities;
}

TogetherExit exit_of(std::span<const std::vector<float>> probabilities, const std::vector<double>& fitted,
                     const std::vector<Label>& labels, std::size_t classes, std::optional<plan::PolicyKind> policy) {
  const std::vector<float> weights(fitted.begin(), fitted.end());
  TogetherExit exit;
  std::vector<float> scores, mixed(classes);
  std::vector<const float*> rows(weights.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    for (std::size_t k = 0; k < rows.size(); ++k) rows[k] = &probabilities[k][i * classes];
    const runtime::Evidence seen = runtime::mixed_evidence(rows, weights, mixed, policy == plan::PolicyKind::entropy);
    exit.correct.push_back(static_cast<Label>(seen.label) == labels[i]);
    if (policy) scores.push_back(score_of(seen, *policy));
  }
  if (policy) exit.ranking = threshold::rank_compactly(std::move(scores));
  return exit;
}

}  // namespace

std::vector<std::optional<TogetherExit>> answer_together(NetPool& pool, std::span<const ExitNet* const> nets,
                                                         plan::PolicyKind policy) {
  route::ScoreTable table{.key = {}, .classes = pool.classes(), .indices = {}, .labels = pool.route_labels()};
  std::vector<double> temperatures;
  std::vector<std::vector<float>> validation;
  for (const ExitNet* net : nets) {
    ExitLogits logits = pool.logits(*net);
    table.stages.push_back({.name = net->name, .logits = std::move(logits.route), .features = {}});
    validation.push_back(std::move(logits.validation));
    temperatures.push_back(net->temperature);
  }
  std::vector<std::size_t> chain(nets.size());
  std::iota(chain.begin(), chain.end(), std::size_t{0});
  const std::vector<route::FittedAnswer> fitted = route::fit_answer_weights(table, temperatures, chain);

  const auto classes = static_cast<std::size_t>(pool.classes());
  std::vector<std::vector<float>> probabilities;
  for (std::size_t k = 0; k < nets.size(); ++k)
    probabilities.push_back(calibrated(validation[k], temperatures[k], classes));
  std::vector<std::optional<TogetherExit>> exits(nets.size());
  for (std::size_t k = 1; k < nets.size(); ++k) {
    const bool ranked = k + 1 < nets.size() && policy != plan::PolicyKind::learned;
    if (fitted[k].weights.empty()) continue;
    exits[k] = exit_of(probabilities, fitted[k].weights, pool.validation_labels(), classes,
                       ranked ? std::optional(policy) : std::nullopt);
  }
  return exits;
}

}  // namespace triage::search
