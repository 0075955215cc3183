#include "route/policy_scores.h"

#include <algorithm>
#include <numeric>

#include "core/rng.h"
#include "runtime/answers.h"

namespace triage::route {

Verdicts verdicts(const ScoreTable& table) {
  Verdicts out;
  for (std::size_t s = 0; s < table.stages.size(); ++s) {
    auto& label = out.label.emplace_back(table.count());
    auto& correct = out.correct.emplace_back(table.count());
    for (std::size_t i = 0; i < table.count(); ++i) {
      const auto logits = table.logits(s, i);
      label[i] = static_cast<Label>(std::ranges::max_element(logits) - logits.begin());
      correct[i] = label[i] == table.labels[i];
    }
  }
  return out;
}

ExitAnswers exit_answers(std::span<const plan::Exit> exits, plan::PolicyKind policy, const ScoreTable& table,
                         std::span<const std::size_t> chain) {
  const std::size_t stages = chain.size(), classes = static_cast<std::size_t>(table.classes);
  if (exits.size() != stages) fail("exits: expected {}, one for each stage, found {}", stages, exits.size());
  std::vector<runtime::ExitAnswer> rules;
  std::vector<float> probabilities(stages * classes), mixed(classes);  // of one image
  std::vector<const float*> answers(stages);                           // null: no exit reads them
  ExitAnswers out;
  for (std::size_t s = 0; s < stages; ++s) {
    const bool last = s + 1 == stages;
    if (policy == plan::PolicyKind::learned && !last && !exits[s].router)
      fail("exit of stage '{}': no router, which the policy 'learned' needs", table.stages[chain[s]].name);
    rules.emplace_back(exits[s], policy, static_cast<int>(s), last);
    for (std::size_t k = 0; k <= s; ++k)
      if (rules[s].reads(static_cast<int>(k))) answers[k] = &probabilities[k * classes];
    out.verdicts.label.emplace_back(table.count());
    out.verdicts.correct.emplace_back(table.count());
    if (!last) out.scores.emplace_back(table.count());
  }
  for (std::size_t i = 0; i < table.count(); ++i) {
    for (std::size_t s = 0; s < stages; ++s) {
      const auto logits = table.logits(chain[s], i);
      if (answers[s])
        runtime::calibrate(logits, static_cast<float>(exits[s].temperature), {&probabilities[s * classes], classes});
      const auto [seen, score] = rules[s](logits, table.features(chain[s], i), std::span(answers).first(s + 1), mixed);
      const auto label = static_cast<Label>(seen.label);
      out.verdicts.label[s][i] = label;
      out.verdicts.correct[s][i] = label == table.labels[i];
      if (s + 1 < stages) out.scores[s][i] = score;
    }
  }
  return out;
}

std::vector<plan::Exit> exits_of(const plan::Plan& plan) {
  std::vector<plan::Exit> exits;
  for (const plan::Stage& stage : plan.stages) exits.push_back(stage.exit);
  return exits;
}

ExitAnswers exit_answers(const plan::Plan& plan, plan::PolicyKind policy, const ScoreTable& table) {
  if (plan.stages.size() != table.stages.size()) {
    fail("score table: expected {} stages as in plan '{}', found {}", plan.stages.size(), plan.name,
         table.stages.size());
  }
  const std::vector<plan::Exit> exits = exits_of(plan);
  std::vector<std::size_t> chain(exits.size());
  std::iota(chain.begin(), chain.end(), std::size_t{0});
  try {
    return exit_answers(exits, policy, table, chain);
  } catch (const Error& error) {
    fail("plan '{}': {}", plan.name, error.what());
  }
}

Verdicts exit_verdicts(const plan::Plan& plan, const ScoreTable& table) {
  const bool together = std::ranges::any_of(plan.stages, [](const auto& s) { return !s.exit.answer_weights.empty(); });
  return together ? exit_answers(plan, plan::PolicyKind::confidence, table).verdicts : verdicts(table);
}

ExitScores policy_scores(const plan::Plan& plan, plan::PolicyKind policy, const ScoreTable& table) {
  return exit_answers(plan, policy, table).scores;
}

ExitScores random_scores(std::size_t exits, std::size_t count, std::uint64_t seed) {
  ExitScores out;
  for (std::size_t e = 0; e < exits; ++e) {
    Rng rng(derive_seed(seed, "random policy", e));
    auto& scores = out.emplace_back(count);
    for (float& score : scores) score = static_cast<float>(rng.next() >> 40) * 0x1.0p-24f;  // exact in a float, below 1
  }
  return out;
}

ExitScores oracle_scores(const Verdicts& verdicts) {
  const std::size_t stages = verdicts.correct.size();
  ExitScores out;
  for (std::size_t s = 0; s + 1 < stages; ++s) {
    auto& scores = out.emplace_back(verdicts.correct[s].size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      bool right_later = false, wrong_later = false;
      for (std::size_t later = s + 1; later < stages; ++later) {
        (verdicts.correct[later][i] ? right_later : wrong_later) = true;
      }
      const bool right = verdicts.correct[s][i];
      scores[i] = !right && right_later ? 1.0f : right && wrong_later ? 0.0f : 0.5f;
    }
  }
  return out;
}

std::vector<std::uint8_t> exits_taken(const ExitScores& scores, std::span<const double> thresholds) {
  if (thresholds.size() != scores.size()) fail("thresholds: expected {}, found {}", scores.size(), thresholds.size());
  std::vector<std::uint8_t> out(scores.empty() ? 0 : scores[0].size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::size_t exit = 0;
    while (exit < scores.size() && scores[exit][i] > thresholds[exit]) ++exit;
    out[i] = static_cast<std::uint8_t>(exit);
  }
  return out;
}

std::vector<double> exit_shares(std::span<const std::uint8_t> exits, std::size_t stages) {
  if (stages == 1) return {1};
  std::vector<double> shares(stages);
  for (const std::uint8_t exit : exits) shares[exit] += 1;
  for (double& share : shares) share /= static_cast<double>(exits.size());
  return shares;
}

namespace {

// The stage's own mean; on its path through the plan it may be less.
double stage_latency_us(const plan::Plan& plan, std::size_t stage) {
  const auto& cost = plan.stages[stage].cost;
  if (!cost || !(cost->latency_us.mean > 0)) {
    fail("plan '{}': stages[{}] ('{}') has no measured latency; run `triage build` or `triage profile`", plan.name,
         stage, plan.stages[stage].name);
  }
  return cost->latency_us.mean;
}

}  // namespace

std::vector<double> path_latency_us(const plan::Plan& plan) {
  std::vector<double> out;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    stage_latency_us(plan, s);  // there is one
    out.push_back((out.empty() ? 0 : out.back()) + plan::latency_on_path_us(plan, s));
  }
  return out;
}

double alone_latency_us(const plan::Plan& plan, std::size_t stage) {
  double total = stage_latency_us(plan, stage);
  while (plan.stages[stage].input == plan::StageInput::features) {
    stage = static_cast<std::size_t>(plan.stages[stage].source);
    total += stage_latency_us(plan, stage);
  }
  return total;
}

}  // namespace triage::route
