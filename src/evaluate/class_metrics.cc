#include "evaluate/class_metrics.h"

#include <algorithm>
#include <ranges>

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

Json or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json proportion_json(std::size_t part, std::size_t whole) {
  if (whole == 0) return nullptr;
  const Interval interval = proportion_interval(part, whole);
  return {interval.low, interval.high};
}

void add_proportion(Json& out, const std::string& name, const std::string& interval, std::size_t part,
                    std::size_t whole) {
  out[name] = or_null(ratio(part, whole));
  out[interval] = proportion_json(part, whole);
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

Json accuracy_fields(const route::ScoreTable& table, std::span<const Label> answers,
                     std::span<const std::uint8_t> exits, int bootstrap_rounds, std::uint64_t seed) {
  const std::span<const Label> labels(table.labels);
  const auto classes = static_cast<std::size_t>(table.classes);
  const ClassCounts counts = count_classes(labels, answers, classes);
  std::size_t right = 0, top = 0;
  for (std::size_t i = 0; i < table.count(); ++i) {
    right += labels[i] == answers[i];
    top += in_top(table.logits(exits[i], i), labels[i]);
  }
  Json out;
  add_proportion(out, "accuracy", "interval", right, table.count());
  const auto add_mean = [&](const std::string& name, std::optional<double> (ClassCounts::*mean)() const) {
    out[name] = or_null((counts.*mean)());
    out[name + "_interval"] = nullptr;
    if (table.count() == 0) return;
    const auto resampled = [&](std::span<const std::uint32_t> rows) {
      return (count_rows(labels, answers, classes, rows).*mean)().value();
    };
    const Interval interval =
        bootstrap_interval(table.count(), resampled, bootstrap_rounds, derive_seed(seed, "class metrics"));
    out[name + "_interval"] = {interval.low, interval.high};
  };
  add_mean("balanced_accuracy", &ClassCounts::balanced_accuracy);
  add_mean("macro_f1", &ClassCounts::macro_f1);
  const bool many = classes > kTop;
  add_proportion(out, "top5_accuracy", "top5_accuracy_interval", many ? top : 0, many ? table.count() : 0);
  return out;
}

Json class_fields(const ClassCounts& counts, const std::vector<std::string>& names) {
  Json out = Json::array();
  for (std::size_t c = 0; c < names.size(); ++c) {
    Json& one = out.emplace_back(Json{{"class", names[c]}, {"count", counts.images[c]}});
    add_proportion(one, "recall", "recall_interval", counts.right[c], counts.images[c]);
    add_proportion(one, "precision", "precision_interval", counts.right[c], counts.answered[c]);
    one["f1"] = or_null(counts.f1(c));
  }
  return out;
}

}  // namespace triage::evaluate
