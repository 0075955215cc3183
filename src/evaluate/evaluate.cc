#include "evaluate/evaluate.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "core/system/limits.h"
#include "core/text.h"
#include "engine/names.h"
#include "engine/registry.h"
#include "evaluate/calibration.h"
#include "evaluate/class_metrics.h"
#include "evaluate/operation.h"
#include "route/plan_warnings.h"

namespace triage::evaluate {
namespace {

constexpr std::size_t kConfusionClasses = 256;  // above, the results hold the most frequent mistakes alone ...
constexpr std::size_t kMistakes = 1000;         // ... so many pairs of classes

using Counts = std::vector<std::vector<std::size_t>>;

Counts confusion(const route::ScoreTable& table, const Operation& at) {
  const auto classes = static_cast<std::size_t>(table.classes);
  Counts counts(classes, std::vector<std::size_t>(classes));
  for (std::size_t i = 0; i < table.count(); ++i) ++counts[table.labels[i]][at.labels[i]];
  return counts;
}

// Most frequent first.
std::vector<results::Mistake> mistakes(const route::ScoreTable& table, const Operation& at) {
  std::map<std::pair<Label, Label>, std::size_t> counts;
  for (std::size_t i = 0; i < table.count(); ++i) {
    if (!at.correct[i]) ++counts[{table.labels[i], at.labels[i]}];
  }
  std::vector<results::Mistake> mistakes;
  for (const auto& [pair, count] : counts) mistakes.push_back({pair.first, pair.second, count});
  std::ranges::stable_sort(mistakes, std::greater{}, &results::Mistake::images);
  mistakes.resize(std::min(mistakes.size(), kMistakes));
  return mistakes;
}

results::OperatingPoint operating_point(const plan::Plan& plan, const route::ScoreTable& table, const Operation& at,
                                        const ComparisonOptions& options) {
  results::OperatingPoint out{accuracies(table, at.labels, at.exits, options.bootstrap_rounds, options.seed)};
  out.policy = plan::to_string(plan.policy);
  out.thresholds = at.thresholds;
  out.latency_us = at.latency_us;
  const std::size_t classes = plan.classes.size(), stages = plan.stages.size();
  std::vector<std::size_t> left(stages), left_right(stages), escalated(classes);
  for (std::size_t i = 0; i < table.count(); ++i) {
    ++left[at.exits[i]];
    left_right[at.exits[i]] += at.correct[i];
    escalated[table.labels[i]] += at.exits[i] > 0;
  }
  const auto share = [](std::size_t part, std::size_t whole) {
    return static_cast<double>(part) / static_cast<double>(whole);
  };
  for (std::size_t s = 0; s < stages; ++s) {
    out.exit_share.push_back(share(left[s], table.count()));
    out.exit_accuracy.push_back(left[s] > 0 ? std::optional(share(left_right[s], left[s])) : std::nullopt);
  }
  out.per_class = class_figures(count_classes(table.labels, at.labels, classes), escalated, plan.classes);
  if (classes <= kConfusionClasses)
    out.confusion = confusion(table, at);
  else
    out.mistakes = mistakes(table, at);
  return out;
}

void add_examples(const route::ScoreTable& table, const Operation& at, std::size_t wanted, results::Evaluation& out) {
  std::vector<std::uint32_t> order(table.count());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, [&](std::uint32_t i) { return at.score[i]; });
  const auto example = [&](std::uint32_t i) {
    return results::Example{.index = table.indices[i],
                            .label = table.labels[i],
                            .predicted = at.labels[i],
                            .exit = at.exits[i],
                            .score = at.score[i]};
  };
  for (std::size_t n = 0; n < std::min(wanted, order.size()); ++n) {
    out.easiest.push_back(example(order[n]));
    out.hardest.push_back(example(order[order.size() - 1 - n]));
  }
}

// Policies against each other at the operating point's latency, and the plan itself against its static nets.
std::vector<results::PairedTest> paired_tests(const plan::Plan& plan, const route::ScoreTable& table,
                                              const route::Verdicts& verdicts, const Comparison& comparison,
                                              const Operation& at, const ComparisonOptions& options) {
  std::vector<results::PairedTest> out;
  const route::Verdicts answered = route::exit_verdicts(plan, table);
  const auto at_latency = [&](const std::string& policy) {
    const PolicyCurve& curve = comparison.curves.at(policy);
    return correct_at(answered, route::exits_taken(curve.scores, point_at(curve.curve, at.latency_us).thresholds));
  };
  for (const auto& [a, b] : {std::pair{"learned", "confidence"}, {"learned", "random"}, {"confidence", "random"}}) {
    if (!comparison.curves.contains(a)) continue;
    out.push_back(paired_test(a, at_latency(a), b, at_latency(b), at.latency_us, options));
  }
  for (std::size_t s = 0; s < plan.stages.size() && plan.stages.size() > 1; ++s) {
    out.push_back(paired_test("plan", at.correct, plan.stages[s].name, verdicts.correct[s], at.latency_us, options));
  }
  return out;
}

// What ran the stages when the costs in the plan were measured: build and quantize measure ONNX Runtime.
std::string costs_engine(const plan::Plan& plan) {
  const auto found = plan.provenance.find("engine");
  return found != plan.provenance.end() && found->is_string() ? found->get<std::string>() : engine::kOnnxRuntime;
}

results::PlanFigures plan_part(const plan::Plan& plan) {
  results::PlanFigures out{.name = plan.name,
                           .policy = plan::to_string(plan.policy),
                           .classes = plan.classes,
                           .input = plan.input,
                           .costs_engine = costs_engine(plan),
                           .warnings = plan.provenance.value("warnings", std::vector<std::string>())};
  for (const plan::Stage& stage : plan.stages) {
    out.stages.push_back(
        {.name = stage.name, .arch = stage.arch.text(), .macs = stage.macs, .parameters = stage.parameters});
    if (stage.cost) out.stages.back().latency_us = stage.cost->latency_us.mean;
  }
  return out;
}

}  // namespace

results::Evaluation evaluate_set(const plan::Plan& plan, const route::ScoreTable& table, const std::string& dataset,
                                 const EvaluateOptions& options) {
  const route::Verdicts verdicts = route::verdicts(table);
  const Operation at = operate(plan, table);
  const ComparisonOptions& how = options.comparison;
  Comparison comparison = compare_policies(plan, table, how);
  results::Evaluation out{.dataset = dataset, .split = options.split, .count = table.count(), .metric = how.metric};
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const std::vector<std::uint8_t> exits(table.count(), static_cast<std::uint8_t>(s));
    out.static_nets.push_back({accuracies(table, verdicts.label[s], exits, how.bootstrap_rounds, how.seed),
                               plan.stages[s].name, route::alone_latency_us(plan, s)});
  }
  out.operating_point = operating_point(plan, table, at, how);
  out.calibration = calibration(plan, table);
  out.paired_tests = paired_tests(plan, table, verdicts, comparison, at, how);
  out.policies = std::move(comparison.policies);
  out.apgr_differences = std::move(comparison.differences);
  out.warnings = route::plan_warnings(plan, table, verdicts, at.exits, how.metric);
  add_examples(table, at, options.examples, out);
  return out;
}

results::Results evaluate_plan(const EvaluateOptions& wanted) {
  const plan::Plan plan = plan::load_plan(wanted.plan);
  EvaluateOptions options = wanted;
  options.comparison.metric = options.metric.value_or(plan.predicted ? plan.predicted->metric : plan::Metric::accuracy);
  route::path_latency_us(plan);  // costs are missing: say so before the work, not after
  const int threads = thread_count(options.threads);
  const auto on_split = [&](const fs::path& file, const fs::path& scores, const std::string& label,
                            const SplitIndices& choose, bool timed) {
    const data::Dataset dataset = data::Dataset::open(file);
    const std::vector<std::uint32_t> indices = choose(dataset);
    const route::ScoreTable table = route::score_plan(plan, options.plan, dataset, indices, scores, threads,
                                                      {.label = label, .context = options.context});
    results::Evaluation eval = evaluate_set(plan, table, dataset.info().name, options);
    eval.path = printable_line(file.string());
    eval.sha256 = dataset.info().sha256;
    if (timed) {
      const Operation at = operate(plan, table);
      eval.latency = run_plan(options.plan.string(), plan, dataset, indices, at.expected(), options.real_run);
      if (!eval.latency->stable) eval.warnings.push_back(kDisturbed);
    }
    return eval;
  };
  results::Results out{.plan = plan_part(plan)};
  out.provenance = {{"command", options.command},
                    {"date", iso_time_now()},
                    {"git", git_revision()},
                    {"seed", options.comparison.seed},
                    {"bootstrap_rounds", options.comparison.bootstrap_rounds},
                    {"engine", engine::name_and_version({})},
                    {"threads", {{"scoring", threads}, {"latency", 1}}},
                    {"plan", plan.provenance},
                    {"machine", machine_context()}};
  out.test = on_split(options.data, options.scores, options.split + " images",
                      options.indices ? options.indices : test_indices, options.latency);
  if (!options.shift.empty()) out.shift = on_split(options.shift, {}, "shifted images", test_indices, false);
  return out;
}

}  // namespace triage::evaluate
