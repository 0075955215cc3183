// A plan and its answers small enough to be worked out on paper, for tests.
//
//   image  label  little says     big says   at threshold 0.3
//     0      0    0 (0.90)  yes     0  yes    leaves at little, right
//     1      1    0 (0.50)  no      1  yes    goes on,          right
//     2      2    2 (0.60)  yes     1  no     goes on,          wrong
//     3      3    1 (0.80)  no      3  yes    leaves at little, wrong
//     4      0    0 (0.95)  yes     0  yes    leaves at little, right
//     5      1    2 (0.40)  no      2  no     goes on,          wrong
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "route/score_table.h"

namespace triage::evaluate {

struct Said {
  Label answer = 0;
  double confidence = 0.97;  // of that answer; the other classes share the rest
};

inline route::ScoreTable table_of(const std::vector<Label>& labels, int classes,
                                  const std::vector<std::vector<Said>>& stages) {
  route::ScoreTable table{.key = "tiny", .classes = classes, .labels = labels};
  for (std::uint32_t i = 0; i < labels.size(); ++i) table.indices.push_back(100 + i);
  for (const std::vector<Said>& stage : stages) {
    route::StageScores& scores = table.stages.emplace_back();
    for (const Said& said : stage) {
      const double odds = said.confidence * (classes - 1) / (1 - said.confidence);
      for (Label c = 0; c < static_cast<Label>(classes); ++c)
        scores.logits.push_back(c == said.answer ? static_cast<float>(std::log(odds)) : 0.0f);
    }
  }
  return table;
}

inline route::ScoreTable tiny_table() {
  return table_of({0, 1, 2, 3, 0, 1}, 4,
                  {{{0, 0.9}, {0, 0.5}, {2, 0.6}, {1, 0.8}, {0, 0.95}, {2, 0.4}}, {{0}, {1}, {1}, {3}, {0}, {2}}});
}

// 100 µs and 600 µs more; 10 and 50 million multiply-adds.
inline plan::Plan tiny_plan() {
  plan::Plan plan{.name = "tiny", .classes = {"ant", "bee", "cat", "dog"}, .policy = plan::PolicyKind::confidence};
  for (const auto& [name, us, macs] : {std::tuple{"little", 100.0, 10}, {"big", 600.0, 50}}) {
    plan::Stage& stage = plan.stages.emplace_back();
    stage.name = name;
    stage.arch = plan::ArchSpec::parse("8");
    stage.macs = macs * 1'000'000;
    stage.cost.emplace().latency_us = Summary{.count = 100, .mean = us};
  }
  plan.stages[0].exit.threshold = 0.3;
  return plan;
}

}  // namespace triage::evaluate
