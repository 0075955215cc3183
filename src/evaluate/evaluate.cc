#include "evaluate/evaluate.h"

#include <algorithm>
#include <array>
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

constexpr std::size_t kConfusionClasses = 256;  // above, results.json holds the most frequent mistakes alone ...
constexpr std::size_t kMistakes = 1000;         // ... so many pairs of classes

// "confusion" [true][answered]; of many classes "mistakes" instead: [true, answered, images], most frequent first.
Json confusion_json(const route::ScoreTable& table, const Operation& at) {
  const auto classes = static_cast<std::size_t>(table.classes);
  if (classes <= kConfusionClasses) {
    std::vector<std::vector<std::size_t>> confusion(classes, std::vector<std::size_t>(classes));
    for (std::size_t i = 0; i < table.count(); ++i) ++confusion[table.labels[i]][at.labels[i]];
    return {{"confusion", confusion}};
  }
  std::map<std::pair<Label, Label>, std::size_t> counts;
  for (std::size_t i = 0; i < table.count(); ++i) {
    if (!at.correct[i]) ++counts[{table.labels[i], at.labels[i]}];
  }
  std::vector<std::array<std::size_t, 3>> mistakes;
  for (const auto& [pair, count] : counts) mistakes.push_back({pair.first, pair.second, count});
  std::ranges::stable_sort(mistakes, std::greater{}, [](const auto& mistake) { return mistake[2]; });
  mistakes.resize(std::min(mistakes.size(), kMistakes));
  return {{"mistakes", mistakes}};
}

// null where there is nothing to share.
Json share_json(std::size_t part, std::size_t whole) {
  return whole > 0 ? Json(static_cast<double>(part) / static_cast<double>(whole)) : Json(nullptr);
}

Json operating_point_json(const plan::Plan& plan, const route::ScoreTable& table, const Operation& at,
                          const ComparisonOptions& options) {
  Json out{{"policy", plan::to_string(plan.policy)}, {"thresholds", at.thresholds}};
  out.update(accuracy_fields(table, at.labels, at.exits, options.bootstrap_rounds, options.seed));
  out["latency_us"] = at.latency_us;
  const std::size_t classes = plan.classes.size(), stages = plan.stages.size();
  std::vector<std::size_t> left(stages), left_right(stages), escalated(classes);
  for (std::size_t i = 0; i < table.count(); ++i) {
    const Label label = table.labels[i];
    ++left[at.exits[i]];
    left_right[at.exits[i]] += at.correct[i];
    escalated[label] += at.exits[i] > 0;
  }
  out["exit_share"] = Json::array();
  out["exit_accuracy"] = Json::array();
  for (std::size_t s = 0; s < stages; ++s) {
    out["exit_share"].push_back(share_json(left[s], table.count()));
    out["exit_accuracy"].push_back(share_json(left_right[s], left[s]));
  }
  const ClassCounts counts = count_classes(table.labels, at.labels, classes);
  out["per_class"] = class_fields(counts, plan.classes);
  for (std::size_t c = 0; c < classes; ++c)
    out["per_class"][c]["escalation"] = share_json(escalated[c], counts.images[c]);
  out.update(confusion_json(table, at));
  return out;
}

Json examples_json(const route::ScoreTable& table, const Operation& at, std::size_t wanted) {
  std::vector<std::uint32_t> order(table.count());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, [&](std::uint32_t i) { return at.score[i]; });
  const auto list = [&](const auto& rows) {
    Json out = Json::array();
    for (std::uint32_t i : rows) {
      out.push_back({{"index", table.indices[i]},
                     {"label", table.labels[i]},
                     {"predicted", at.labels[i]},
                     {"exit", at.exits[i]},
                     {"score", at.score[i]}});
    }
    return out;
  };
  const std::span<const std::uint32_t> all(order);
  const std::size_t n = std::min(wanted, all.size());
  std::vector<std::uint32_t> hardest(all.rbegin(), all.rbegin() + static_cast<std::ptrdiff_t>(n));
  return {{"easiest", list(all.first(n))}, {"hardest", list(hardest)}};
}

// Policies against each other at the operating point's latency, and the plan itself against its static nets.
Json paired_tests(const plan::Plan& plan, const route::Verdicts& verdicts, const Comparison& comparison,
                  const Operation& at, const ComparisonOptions& options) {
  Json out = Json::array();
  const auto at_latency = [&](const std::string& policy) {
    const PolicyCurve& curve = comparison.curves.at(policy);
    return correct_at(verdicts, route::exits_taken(curve.scores, point_at(curve.curve, at.latency_us).thresholds));
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
Json costs_engine(const plan::Plan& plan) {
  const auto found = plan.provenance.find("engine");
  return found != plan.provenance.end() && found->is_string() ? *found : Json(engine::kOnnxRuntime);
}

Json plan_json(const plan::Plan& plan) {
  Json out{{"name", plan.name},
           {"policy", plan::to_string(plan.policy)},
           {"classes", plan.classes},
           {"input", to_json(plan.input)},
           {"costs_engine", costs_engine(plan)},
           {"warnings", plan.provenance.value("warnings", Json::array())},
           {"stages", Json::array()}};
  for (const plan::Stage& stage : plan.stages) {
    out["stages"].push_back({{"name", stage.name},
                             {"arch", stage.arch.text()},
                             {"macs", stage.macs},
                             {"parameters", stage.parameters},
                             {"latency_us", stage.cost ? Json(stage.cost->latency_us.mean) : Json(nullptr)}});
  }
  return out;
}

}  // namespace

Json evaluate_set(const plan::Plan& plan, const route::ScoreTable& table, const std::string& dataset,
                  const EvaluateOptions& options) {
  const route::Verdicts verdicts = route::verdicts(table);
  const Operation at = operate(plan, table, verdicts);
  const ComparisonOptions& how = options.comparison;
  const Comparison comparison = compare_policies(plan, table, how);
  Json out{{"dataset", dataset}, {"split", options.split}, {"count", table.count()}, {"static", Json::array()}};
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    Json& entry = out["static"].emplace_back(Json{{"stage", plan.stages[s].name}});
    const std::vector<std::uint8_t> exits(table.count(), static_cast<std::uint8_t>(s));
    entry.update(accuracy_fields(table, verdicts.label[s], exits, how.bootstrap_rounds, how.seed));
    entry["latency_us"] = route::alone_latency_us(plan, s);
  }
  out["metric"] = plan::to_string(how.metric);
  out["policies"] = comparison.policies;
  out["apgr_differences"] = comparison.differences;
  out["operating_point"] = operating_point_json(plan, table, at, how);
  out["calibration"] = calibration_json(plan, table);
  out["paired_tests"] = paired_tests(plan, verdicts, comparison, at, how);
  out["warnings"] = route::plan_warnings(plan, table, verdicts, at.exits, how.metric);
  out["latency"] = nullptr;
  out["examples"] = examples_json(table, at, options.examples);
  return out;
}

Json evaluate_plan(const EvaluateOptions& wanted) {
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
    Json eval = evaluate_set(plan, table, dataset.info().name, options);
    eval["path"] = printable_line(file.string());
    eval["sha256"] = dataset.info().sha256;
    if (timed) {
      const route::Verdicts verdicts = route::verdicts(table);
      const Operation at = operate(plan, table, verdicts);
      const RealRun run = run_plan(options.plan.string(), plan, dataset, indices, at.expected(), options.real_run);
      eval["latency"] = to_json(run);
      if (!run.stable) eval["warnings"].push_back(kDisturbed);
    }
    return eval;
  };
  Json out{{"version", kResultsVersion}, {"plan", plan_json(plan)}};
  out["provenance"] = {{"command", options.command},
                       {"date", iso_time_now()},
                       {"git", git_revision()},
                       {"seed", options.comparison.seed},
                       {"bootstrap_rounds", options.comparison.bootstrap_rounds},
                       {"engine", engine::name_and_version({})},
                       {"threads", {{"scoring", threads}, {"latency", 1}}},
                       {"plan", plan.provenance},
                       {"machine", machine_context()}};
  out["test"] = on_split(options.data, options.scores, options.split + " images",
                         options.indices ? options.indices : test_indices, options.latency);
  out["shift"] =
      options.shift.empty() ? Json(nullptr) : on_split(options.shift, {}, "shifted images", test_indices, false);
  return out;
}

}  // namespace triage::evaluate
