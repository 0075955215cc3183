// What unequal classes hide in an accuracy: recall, precision and F1 of each class, their plain means over the classes,
// and top-k accuracy. A class without images has no recall and no F1, one that was never answered no precision: none,
// never 0. Means are over the classes that have images.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "plan/plan.h"
#include "results/figures.h"
#include "route/score_table.h"

namespace triage::evaluate {

struct ClassCounts {  // each [classes]
  std::vector<std::size_t> images, answered, right;

  std::optional<double> recall(std::size_t c) const;
  std::optional<double> precision(std::size_t c) const;
  std::optional<double> f1(std::size_t c) const;    // 2 right / (images + answered)
  std::optional<double> balanced_accuracy() const;  // mean recall
  std::optional<double> macro_f1() const;           // mean F1
};

// labels and answers [count], below `classes`.
ClassCounts count_classes(std::span<const Label> labels, std::span<const Label> answers, std::size_t classes);

// Of the answers that the logits of stage `exits[i]` give for image i, at least one. Proportions have Wilson's
// interval, the means over classes a bootstrap's over the images. Top 5 is absent with 5 classes or fewer.
results::Accuracies accuracies(const route::ScoreTable& table, std::span<const Label> answers,
                               std::span<const std::uint8_t> exits, int bootstrap_rounds, std::uint64_t seed);

// One for each class; escalated: how many of its images go on at the first exit.
std::vector<results::ClassFigures> class_figures(const ClassCounts& counts, std::span<const std::size_t> escalated,
                                                 const std::vector<std::string>& names);

}  // namespace triage::evaluate
