#include "evaluate/class_metrics.h"

#include <algorithm>
#include <ranges>

#include "core/error.h"
#include "core/rng.h"
#include "core/statistics/statistics.h"

namespace triage::evaluate {
namespace {

constexpr std::size_t kTop = 5;

std::optional<double> ratio(std::size_t part, std::size_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

template <class Of>
std::optional<double> mean_over(std::size_t classes, Of&& of) {
  double sum = 0;
  std::size_t counted = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    if (const std::optional<double> value = of(c)) sum += *value, ++counted;
  }
  if (counted == 0) return std::nullopt;
  return sum / static_cast<double>(counted);
}

std::optional<Interval> ratio_interval(std::size_t part, std::size_t whole) {
  if (whole == 0) return std::nullopt;
  return proportion_interval(part, whole);
}

// Whether fewer than kTop classes have a higher logit than the label; of equal ones the first counts as higher.
bool in_top(std::span<const float> logits, Label label) {
  std::size_t before = 0;
  for (std::size_t c = 0; c < logits.size(); ++c)
    before += logits[c] > logits[label] || (logits[c] == logits[label] && c < label);
  return before < kTop;
}

template <class Rows>
ClassCounts count_rows(std::span<const Label> labels, std::span<const Label> answers, std::size_t classes,
                       Rows&& rows) {
  const std::vector<std::size_t> none(classes);
  ClassCounts out{none, none, none};
  for (const std::size_t i : rows) {
    ++out.images[labels[i]];
    ++out.answered[answers[i]];
    out.right[labels[i]] += labels[i] == answers[i];
  }
  return out;
}

}  // namespace

std::optional<double> ClassCounts::recall(std::size_t c) const { return ratio(right[c], images[c]); }
std::optional<double> ClassCounts::precision(std::size_t c) const { return ratio(right[c], answered[c]); }
std::optional<double> ClassCounts::f1(std::size_t c) const {
  if (images[c] == 0) return std::nullopt;
  return ratio(2 * right[c], images[c] + answered[c]);
}
std::optional<double> ClassCounts::balanced_accuracy() const {
  return mean_over(images.size(), [this](std::size_t c) { return recall(c); });
}
std::optional<double> ClassCounts::macro_f1() const {
  return mean_over(images.size(), [this](std::size_t c) { return f1(c); });
}

ClassCounts count_classes(std::span<const Label> labels, std::span<const Label> answers, std::size_t classes) {
  return count_rows(labels, answers, classes, std::views::iota(std::size_t{0}, labels.size()));
}

results::Accuracies accuracies(const route::ScoreTable& table, std::span<const Label> answers,
                               std::span<const std::uint8_t> exits, int bootstrap_rounds, std::uint64_t seed) {
  if (table.count() == 0) fail("accuracies: expected at least one image, found none");
  const std::span<const Label> labels(table.labels);
  const auto classes = static_cast<std::size_t>(table.classes);
  const ClassCounts counts = count_classes(labels, answers, classes);
  std::size_t right = 0, top = 0;
  for (std::size_t i = 0; i < table.count(); ++i) {
    right += labels[i] == answers[i];
    top += in_top(table.logits(exits[i], i), labels[i]);
  }
  const auto interval_of = [&](std::optional<double> (ClassCounts::*mean)() const) {
    const auto resampled = [&](std::span<const std::uint32_t> rows) {
      return (count_rows(labels, answers, classes, rows).*mean)().value();
    };
    return bootstrap_interval(table.count(), resampled, bootstrap_rounds, derive_seed(seed, "class metrics"));
  };
  const std::size_t of_many = classes > kTop ? table.count() : 0;
  return {.accuracy = ratio(right, table.count()).value(),
          .interval = proportion_interval(right, table.count()),
          .balanced_accuracy = counts.balanced_accuracy(),
          .balanced_accuracy_interval = interval_of(&ClassCounts::balanced_accuracy),
          .macro_f1 = counts.macro_f1(),
          .macro_f1_interval = interval_of(&ClassCounts::macro_f1),
          .top5_accuracy = ratio(top, of_many),
          .top5_accuracy_interval = ratio_interval(top, of_many)};
}

std::vector<results::ClassFigures> class_figures(const ClassCounts& counts, std::span<const std::size_t> escalated,
                                                 const std::vector<std::string>& names) {
  std::vector<results::ClassFigures> out;
  for (std::size_t c = 0; c < names.size(); ++c) {
    out.push_back({.name = names[c],
                   .count = counts.images[c],
                   .recall = counts.recall(c),
                   .precision = counts.precision(c),
                   .f1 = counts.f1(c),
                   .escalation = ratio(escalated[c], counts.images[c]),
                   .recall_interval = ratio_interval(counts.right[c], counts.images[c]),
                   .precision_interval = ratio_interval(counts.right[c], counts.answered[c])});
  }
  return out;
}

}  // namespace triage::evaluate
