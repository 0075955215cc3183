// Escalation scores of every policy from a ScoreTable, and what follows from scores and thresholds for each image.
// Scores come from runtime/score.h, so offline and online agree. Every score grows with the need for a bigger net.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "plan/plan.h"
#include "route/score_table.h"

namespace triage::route {

struct Verdicts {                                  // what each stage, taken alone, says
  std::vector<std::vector<Label>> label;           // [stages][count]: argmax of the logits
  std::vector<std::vector<std::uint8_t>> correct;  // [stages][count]: 0 or 1
};
Verdicts verdicts(const ScoreTable& table);

using ExitScores = std::vector<std::vector<float>>;  // [stages - 1][count]

struct ExitAnswers {
  Verdicts verdicts;  // what each exit says, its answer_weights counted in
  ExitScores scores;
};

// Of the plan whose stages are the stages `chain` of the table, in that order, and have these exits, one for each.
// `learned` without a router at an exit but the last throws Error.
ExitAnswers exit_answers(std::span<const plan::Exit> exits, plan::PolicyKind policy, const ScoreTable& table,
                         std::span<const std::size_t> chain);

std::vector<plan::Exit> exits_of(const plan::Plan& plan);  // of its stages, in order

// Of a plan whose stages are all the table's.
ExitAnswers exit_answers(const plan::Plan& plan, plan::PolicyKind policy, const ScoreTable& table);
Verdicts exit_verdicts(const plan::Plan& plan, const ScoreTable& table);  // where no exit has weights: verdicts(table)

// The plan's exits give temperatures and routers; `learned` without a router at an exit throws Error.
ExitScores policy_scores(const plan::Plan& plan, plan::PolicyKind policy, const ScoreTable& table);

// Uniform in [0, 1), from (seed, exit, position in the table) alone.
ExitScores random_scores(std::size_t exits, std::size_t count, std::uint64_t seed);

// The ceiling: knows the labels. 1 where this exit is wrong and some later one right, 0 where it is right and some
// later one wrong, 1/2 where going on changes nothing. Thresholds in [1/2, 1) escalate exactly where it helps.
ExitScores oracle_scores(const Verdicts& verdicts);

// The exit each image leaves at: the first whose score is not above its threshold, else the last.
std::vector<std::uint8_t> exits_taken(const ExitScores& scores, std::span<const double> thresholds);

// The share of those images that leaves at each of the plan's stages. Of one stage all, however many that are.
std::vector<double> exit_shares(std::span<const std::uint8_t> exits, std::size_t stages);

// Cumulative cost of leaving at each exit, in µs: the measured means of the stages up to it added up, whatever they
// read (image or features), because an image runs through them in order. Throws Error where a stage has no cost.
std::vector<double> path_latency_us(const plan::Plan& plan);

// Cost of stage `stage` used without routing: itself and, for a feature stage, the chain of sources it reads.
double alone_latency_us(const plan::Plan& plan, std::size_t stage);

}  // namespace triage::route
