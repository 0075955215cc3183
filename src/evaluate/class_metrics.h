// What unequal classes hide in an accuracy: recall, precision and F1 of each class, their plain means over the classes,
// and top-k accuracy. A class without images has no recall and no F1, one that was never answered no precision: none,
// never 0. Means are over the classes that have images.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/json.h"
#include "plan/plan.h"
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

// {"accuracy", "balanced_accuracy", "macro_f1", "top5_accuracy", each with its 95 % "..._interval" ("interval" of the
// accuracy)} of the answers that the logits of stage `exits[i]` give for image i. Proportions have Wilson's interval,
// the means over classes a bootstrap's over the images. top5_* is null with 5 classes or fewer.
Json accuracy_fields(const route::ScoreTable& table, std::span<const Label> answers,
                     std::span<const std::uint8_t> exits, int bootstrap_rounds, std::uint64_t seed);

// results.json "per_class" but for "escalation": [{"class", "count", "recall", "recall_interval", "precision",
// "precision_interval", "f1"}].
Json class_fields(const ClassCounts& counts, const std::vector<std::string>& names);

}  // namespace triage::evaluate
