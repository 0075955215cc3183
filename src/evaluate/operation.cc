#include "evaluate/operation.h"

#include <algorithm>
#include <numeric>

#include "evaluate/compare/policies.h"
#include "runtime/score.h"

namespace triage::evaluate {

std::vector<Expected> Operation::expected() const {
  std::vector<Expected> all;
  for (std::size_t i = 0; i < exits.size(); ++i) all.push_back({exits[i], labels[i]});
  return all;
}

Operation operate(const plan::Plan& plan, const route::ScoreTable& table) {
  Operation out;
  const auto [verdicts, scores] = route::exit_answers(plan, plan.policy, table);
  if (plan.stages.size() > 1) {
    for (std::size_t e = 0; e < scores.size(); ++e) out.thresholds.push_back(plan.stages[e].exit.threshold);
    out.exits = route::exits_taken(scores, out.thresholds);
    out.score = scores[0];
  } else {
    out.exits.assign(table.count(), 0);
    for (std::size_t i = 0; i < table.count(); ++i) {
      const auto temperature = static_cast<float>(plan.stages[0].exit.temperature);
      out.score.push_back(1 - runtime::evidence(table.logits(0, i), temperature).confidence);
    }
  }
  out.correct = correct_at(verdicts, out.exits);
  const std::vector<double> path = route::path_latency_us(plan);
  for (std::size_t i = 0; i < table.count(); ++i) {
    out.labels.push_back(verdicts.label[out.exits[i]][i]);
    out.latency_us += path[out.exits[i]] / static_cast<double>(table.count());
  }
  return out;
}

std::vector<std::uint32_t> test_indices(const data::Dataset& dataset) {
  std::vector<std::uint32_t> out(dataset.info().test_count);
  std::iota(out.begin(), out.end(), dataset.info().test_first());
  if (out.empty()) fail("data set '{}': has no test images", dataset.info().name);
  return out;
}

}  // namespace triage::evaluate
