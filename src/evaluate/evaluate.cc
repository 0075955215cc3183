#include "evaluate/evaluate.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <thread>

#include "evaluate/calibration.h"
#include "evaluate/operation.h"

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

Json operating_point_json(const plan::Plan& plan, const route::ScoreTable& table, const Operation& at) {
  Json out{{"policy", plan::to_string(plan.policy)}, {"thresholds", at.thresholds}};
  out.update(accuracy_fields(at.correct));
  out["latency_us"] = at.latency_us;
  std::vector<double> share(plan.stages.size());
  const std::size_t classes = plan.classes.size();
  std::vector<std::size_t> count(classes), right(classes), escalated(classes);
  for (std::size_t i = 0; i < table.count(); ++i) {
    const Label label = table.labels[i];
    share[at.exits[i]] += 1 / static_cast<double>(table.count());
    ++count[label];
    right[label] += at.correct[i];
    escalated[label] += at.exits[i] > 0;
  }
  out["exit_share"] = share;
  out["per_class"] = Json::array();
  for (std::size_t c = 0; c < classes; ++c) {
    const auto of = static_cast<double>(std::max<std::size_t>(count[c], 1));
    out["per_class"].push_back({{"class", plan.classes[c]},
                                {"count", count[c]},
                                {"accuracy", static_cast<double>(right[c]) / of},
                                {"escalation", static_cast<double>(escalated[c]) / of}});
  }
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

Json plan_json(const plan::Plan& plan) {
  Json out{{"name", plan.name},
           {"policy", plan::to_string(plan.policy)},
           {"classes", plan.classes},
           {"input", plan::to_json(plan.input)},
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
  const Comparison comparison = compare_policies(plan, table, options.comparison);
  Json out{{"dataset", dataset}, {"count", table.count()}, {"static", Json::array()}};
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    Json& entry = out["static"].emplace_back(Json{{"stage", plan.stages[s].name}});
    entry.update(accuracy_fields(verdicts.correct[s]));
    entry["latency_us"] = route::alone_latency_us(plan, s);
  }
  out["policies"] = comparison.policies;
  out["apgr_differences"] = comparison.differences;
  out["operating_point"] = operating_point_json(plan, table, at);
  out["calibration"] = calibration_json(plan, table);
  out["paired_tests"] = paired_tests(plan, verdicts, comparison, at, options.comparison);
  out["latency"] = nullptr;
  out["examples"] = examples_json(table, at, options.examples);
  return out;
}

Json evaluate_plan(const EvaluateOptions& options) {
  const plan::Plan plan = plan::load_plan(options.plan);
  route::path_latency_us(plan);  // costs are missing: say so before the work, not after
  const int threads =
      options.threads > 0 ? options.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const auto on_test_split = [&](const fs::path& file, const fs::path& scores, const std::string& label, bool timed) {
    const data::Dataset dataset = data::Dataset::open(file);
    const std::vector<std::uint32_t> indices = test_indices(dataset);
    const route::ScoreTable table =
        route::score_plan(plan, options.plan, dataset, indices, scores, threads, {.label = label});
    Json eval = evaluate_set(plan, table, dataset.info().name, options);
    eval["path"] = file.string();
    if (timed) {
      const route::Verdicts verdicts = route::verdicts(table);
      const Operation at = operate(plan, table, verdicts);
      eval["latency"] =
          to_json(run_plan(options.plan.string(), plan, dataset, indices, at.expected(), options.real_run));
    }
    return eval;
  };
  Json out{{"version", kResultsVersion}, {"plan", plan_json(plan)}};
  out["provenance"] = {{"command", options.command},
                       {"date", iso_time_now()},
                       {"git", git_revision()},
                       {"seed", options.comparison.seed},
                       {"bootstrap_rounds", options.comparison.bootstrap_rounds},
                       {"engine", "onnxruntime " + runtime::onnx_runtime_version()},
                       {"threads", {{"scoring", threads}, {"latency", 1}}},
                       {"plan", plan.provenance},
                       {"machine", machine_context()}};
  out["test"] = on_test_split(options.data, options.scores, "test images", options.latency);
  out["shift"] = options.shift.empty() ? Json(nullptr) : on_test_split(options.shift, {}, "shifted images", false);
  return out;
}

}  // namespace triage::evaluate
