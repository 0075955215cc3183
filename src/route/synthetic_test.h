// Score tables whose truth is known, for tests.
#pragma once

#include <cmath>

#include "core/rng.h"
#include "route/score_table.h"

namespace triage::route {

struct SyntheticOptions {
  std::uint32_t count = 3000;
  int classes = 10, features = 12;
  std::uint64_t seed = 1;
  // Share of the images on which the last stage has no idea, marked by feature 0 being above 1 and by nothing else:
  // there going on wins nothing, which no confidence can see.
  double hopeless = 0;
};

// Two stages whose probabilities are calibrated by construction: p(y) is drawn first and the label from it. Features
// are noise but for feature 0.
inline ScoreTable synthetic_table(const SyntheticOptions& options) {
  Rng rng(derive_seed(options.seed, "synthetic table"));
  ScoreTable table;
  table.key = "synthetic";
  table.classes = options.classes;
  const auto classes = static_cast<std::size_t>(options.classes);
  StageScores little{"little", options.features}, big{"big", 0};
  for (std::uint32_t i = 0; i < options.count; ++i) {
    const bool hopeless = rng.uniform() < options.hopeless;
    const double difficulty = rng.uniform();
    std::vector<double> logits(classes);
    double sum = 0;
    for (double& logit : logits) logit = 0.3 * rng.normal();
    logits[rng.below(static_cast<std::uint32_t>(classes))] += 1.5 + 6 * difficulty;
    for (double logit : logits) sum += std::exp(logit);
    double draw = rng.uniform() * sum;
    Label label = 0;
    while (label + 1u < classes && (draw -= std::exp(logits[label])) > 0) ++label;
    table.indices.push_back(i);
    table.labels.push_back(label);
    for (double logit : logits) little.logits.push_back(static_cast<float>(logit));
    // The big net: right in 95 of 100 and sure of it; on hopeless images it repeats the little one.
    const std::size_t said = rng.uniform() < 0.95 ? label : rng.below(static_cast<std::uint32_t>(classes));
    for (std::size_t c = 0; c < classes; ++c) {
      big.logits.push_back(hopeless ? static_cast<float>(logits[c]) : c == said ? 5.1f : 0.0f);
    }
    for (int f = 0; f < options.features; ++f) {
      little.features.push_back(static_cast<float>(rng.normal() * 0.4 + (f == 0 && hopeless ? 2 : 0)));
    }
  }
  table.stages = {std::move(little), std::move(big)};
  return table;
}

}  // namespace triage::route
