#include "report/class_tables.h"

#include <algorithm>
#include <array>
#include <format>

#include "report/cell_text.h"
#include "report/draw/theme.h"
#include "report/html.h"

namespace triage::report {
namespace {

constexpr std::size_t kConfusionList = 20;

std::string mistakes_table(const Results& results, std::vector<std::array<std::size_t, 3>> mistakes) {
  std::ranges::stable_sort(mistakes, std::greater{}, [](const auto& mistake) { return mistake[0]; });
  Table table({"true", "answered", "images"});
  for (std::size_t i = 0; i < std::min(kConfusionList, mistakes.size()); ++i) {
    table.row({{results.plan.classes[mistakes[i][1]]},
               {results.plan.classes[mistakes[i][2]]},
               {std::to_string(mistakes[i][0])}});
  }
  return table.html();
}

}  // namespace

std::string averages(const Evaluation& evaluation, std::size_t stages) {
  const OperatingPoint& plan = evaluation.operating_point;
  if (!plan.balanced_accuracy) return {};
  std::vector<std::string> header{"", "accuracy [95 %]", "balanced accuracy [95 %]", "macro F1 [95 %]"};
  if (plan.top5_accuracy) header.push_back("top-5 accuracy [95 %]");
  Table table(header);
  const auto add = [&](Cell name, const auto& of) {
    std::vector<Cell> row{std::move(name),
                          {with_interval(of.accuracy, of.interval)},
                          {or_dash(of.balanced_accuracy, of.balanced_accuracy_interval)},
                          {or_dash(of.macro_f1, of.macro_f1_interval)}};
    if (plan.top5_accuracy) row.push_back({or_dash(of.top5_accuracy, of.top5_accuracy_interval)});
    table.row(row);
  };
  for (std::size_t s = 0; s < evaluation.static_nets.size(); ++s)
    add({evaluation.static_nets[s].stage + " alone", stage_dot(s, stages)}, evaluation.static_nets[s]);
  add({"plan", policy_dot(evaluation.operating_point.policy), "", true}, evaluation.operating_point);
  return table.html();
}

std::string per_class(const Results& results) {
  const std::vector<ClassFigures>& classes = results.test.operating_point.per_class;
  if (classes.empty()) return {};
  const bool shifted = results.shift && results.shift->operating_point.per_class.size() == classes.size();
  std::vector<std::string> header{"class", "images", "recall [95 %]", "precision [95 %]", "F1", "sent on"};
  if (shifted) header.insert(header.end(), {"recall, shifted", "sent on, shifted"});
  Table table(header);
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const ClassFigures& one = classes[i];
    std::vector<Cell> row{{one.name},
                          {grouped(one.count)},
                          {or_dash(one.recall, one.recall_interval)},
                          {or_dash(one.precision, one.precision_interval)},
                          {or_dash(one.f1)},
                          {or_dash(one.escalation)}};
    if (shifted) {
      const ClassFigures& other = results.shift->operating_point.per_class[i];
      row.push_back({or_dash(other.recall)});
      row.push_back({or_dash(other.escalation)});
    }
    table.row(row);
  }
  return table.html();
}

std::string confusion(const Results& results) {
  const auto& table_of = results.test.operating_point.confusion;
  const std::size_t n = results.plan.classes.size();
  std::vector<std::array<std::size_t, 3>> mistakes;  // images, true, answered
  for (const auto& mistake : results.test.operating_point.mistakes) {
    if (mistake.label < n && mistake.answer < n) mistakes.push_back({mistake.images, mistake.label, mistake.answer});
  }
  if (!mistakes.empty()) return mistakes_table(results, std::move(mistakes));
  if (table_of.size() != n || std::ranges::any_of(table_of, [&](const auto& row) { return row.size() != n; }))
    return {};
  std::size_t worst = 1;
  for (std::size_t t = 0; t < n; ++t) {
    for (std::size_t p = 0; p < n; ++p) worst = t == p ? worst : std::max(worst, table_of[t][p]);
  }
  if (n <= kConfusionClasses) {
    std::vector<std::string> header{"true \\ answered"};
    header.insert(header.end(), results.plan.classes.begin(), results.plan.classes.end());
    Table table(header);
    for (std::size_t t = 0; t < n; ++t) {
      std::vector<Cell> row{{results.plan.classes[t], "", "", true}};
      for (std::size_t p = 0; p < n; ++p) {
        const double strength = static_cast<double>(table_of[t][p]) / static_cast<double>(worst);
        row.push_back({std::to_string(table_of[t][p]), "",
                       t == p ? "rgb(0 158 115 / 0.16)" : std::format("rgb(213 94 0 / {:.2f})", 0.6 * strength)});
      }
      table.row(row);
    }
    return table.html("confusion");
  }
  for (std::size_t t = 0; t < n; ++t) {
    for (std::size_t p = 0; p < n; ++p) {
      if (t != p && table_of[t][p]) mistakes.push_back({table_of[t][p], t, p});
    }
  }
  return mistakes_table(results, std::move(mistakes));
}

}  // namespace triage::report
