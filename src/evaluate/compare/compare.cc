#include "evaluate/compare/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>

#include "core/error.h"
#include "core/files/temporary.h"
#include "core/system/limits.h"
#include "core/text.h"
#include "evaluate/class_metrics.h"
#include "evaluate/operation.h"
#include "evaluate/single_stage.h"

namespace triage::evaluate {
namespace {

struct Side {
  fs::path directory;
  plan::Plan plan;
  route::ScoreTable table;
  route::Verdicts verdicts;  // of the stages alone
  Operation at;
};

// `alone`: where a plan of the one stage is put together, if that is asked for.
Side open_side(const CompareSide& wanted, const fs::path& alone, const data::Dataset& dataset,
               std::span<const std::uint32_t> indices, int threads, const Context& context) {
  if (!wanted.stage.empty()) write_single_stage(wanted.plan, wanted.stage, alone);
  Side side{.directory = wanted.stage.empty() ? wanted.plan : alone};
  side.plan = plan::load_plan(side.directory);
  side.table = route::score_plan(side.plan, side.directory, dataset, indices, {}, threads,
                                 {.label = side.plan.name, .context = context});
  side.verdicts = route::verdicts(side.table);
  side.at = operate(side.plan, side.table);
  return side;
}

results::ComparedPlan compared(const Side& side, const ComparisonOptions& how) {
  results::ComparedPlan out{accuracies(side.table, side.at.labels, side.at.exits, how.bootstrap_rounds, how.seed),
                            side.plan.name};
  for (std::size_t s = 0; s < side.plan.stages.size(); ++s) {
    const std::vector<std::uint8_t> exits(side.table.count(), static_cast<std::uint8_t>(s));
    out.stages.push_back({accuracies(side.table, side.verdicts.label[s], exits, how.bootstrap_rounds, how.seed),
                          side.plan.stages[s].name, side.plan.stages[s].precision});
  }
  return out;
}

// Whether the run's answers are those of the table.
bool as_scored(const Side& side, std::uint32_t row, const Expected& outcome) {
  return outcome.exit == side.at.exits[row] && outcome.label == side.at.labels[row];
}

// Runs both, window by window in turns, and adds what came of it.
void run_both(const CompareOptions& options, const std::array<const Side*, 2>& sides, const data::Dataset& dataset,
              std::span<const std::uint32_t> indices, results::PlanComparison& out) {
  std::vector<Classifier> classifiers;
  for (std::size_t i = 0; i < sides.size(); ++i) {
    const std::string& engine = i == 0 ? options.plan.engine : options.other.engine;
    auto loaded = Classifier::load(sides[i]->directory.string(), {.engine = engine});
    if (!loaded) throw Error(loaded.error().message);
    classifiers.push_back(std::move(*loaded));
  }
  RealRunOptions real_run = options.real_run;
  const SplitImages images(dataset, indices, real_run);
  const std::vector<ClassifyRow> both{row_classifier(classifiers[0], images), row_classifier(classifiers[1], images)};
  std::array<std::size_t, 2> agreed{}, said{};
  std::array<std::array<double, 2>, 2> expected_us{};  // by side and half of the run: of the exits its images take
  std::array<std::vector<double>, 2> path_us{route::path_latency_us(sides[0]->plan),
                                             route::path_latency_us(sides[1]->plan)};
  const auto count = [&](std::size_t side, std::uint32_t row, const Expected& outcome) {
    expected_us[side][said[side] < real_run.images / 2 ? 0 : 1] += path_us[side][outcome.exit];
    ++said[side];
    agreed[side] += as_scored(*sides[side], row, outcome);
  };
  const std::vector<TurnTimes> times = times_in_turns(both, indices.size(), steady_us, real_run, count);
  for (std::size_t i = 0; i < sides.size(); ++i) {
    // Images that go on take longer: what is compared are times against those expected of the same exits.
    const double change = times[i].half[1] * expected_us[i][0] / (times[i].half[0] * expected_us[i][1]);
    out.plans[i].run = {.mean_us = times[i].mean,
                        .engine = classifiers[i].info().engine,
                        .engine_note = classifiers[i].info().engine_note,
                        .agreement = static_cast<double>(agreed[i]) / static_cast<double>(said[i]),
                        .stable = !(std::abs(change - 1) > kSteady)};  // of one image nothing is known
  }
  out.speedup = times[1].mean / times[0].mean;
  out.run_images = real_run.images;
}

}  // namespace

results::PlanComparison compare_plans(const CompareOptions& options) {
  const int threads = thread_count(options.threads);
  const data::Dataset dataset = data::Dataset::open(options.data);
  const std::vector<std::uint32_t> indices = test_indices(dataset);
  const TemporaryDirectory directory("compare");
  const Side a = open_side(options.plan, directory.path() / "plan", dataset, indices, threads, options.context);
  const Side b = open_side(options.other, directory.path() / "other", dataset, indices, threads, options.context);
  results::PlanComparison out{
      .plans = {compared(a, options.comparison), compared(b, options.comparison)},
      .points = paired_test(a.plan.name, a.at.correct, b.plan.name, b.at.correct, a.at.latency_us, options.comparison),
      .count = indices.size()};
  for (std::size_t s = 0; s < a.plan.stages.size() && a.plan.stages.size() == b.plan.stages.size(); ++s) {
    out.stages.push_back(paired_test(a.plan.stages[s].name, a.verdicts.correct[s], b.plan.stages[s].name,
                                     b.verdicts.correct[s], a.at.latency_us, options.comparison));
  }
  if (options.latency) run_both(options, {&a, &b}, dataset, indices, out);
  return out;
}

namespace {

// "93.10 % [92.5, 93.6]  balanced 91.02 %  macro F1 91.20 %  top 5 99.10 %"
std::string accuracies_text(const results::Accuracies& of, bool interval) {
  const auto percent = [](const std::optional<double>& share) {
    return share ? std::format("{:6.2f} %", 100 * *share) : "-";
  };
  std::string out = percent(of.accuracy);
  if (interval) out += std::format(" [{:.2f}, {:.2f}]", 100 * of.interval.low, 100 * of.interval.high);
  out += std::format("  balanced {}  macro F1 {}", percent(of.balanced_accuracy), percent(of.macro_f1));
  if (of.top5_accuracy) out += "  top 5 " + percent(of.top5_accuracy);
  return out;
}

}  // namespace

std::map<std::string, Figure> comparison_figures(const results::PlanComparison& comparison, const std::string& name) {
  const auto count = static_cast<int>(comparison.count);
  const auto accuracy = [&](const results::Accuracies& of) {
    return Figure{100 * of.accuracy, "%", Interval{100 * of.interval.low, 100 * of.interval.high}, count};
  };
  const auto loss = [&](const results::PairedTest& test) {  // of the plan against the other: a minus b, turned round
    return Figure{0 - test.difference_points, "points", Interval{0 - test.interval.high, 0 - test.interval.low}, count};
  };
  std::map<std::string, Figure> figures;
  figures[name + ".accuracy"] = accuracy(comparison.plans[0]);
  figures[name + ".other_accuracy"] = accuracy(comparison.plans[1]);
  const results::PairedTest& points = comparison.points;
  figures[name + ".plan_points"] = {points.difference_points, "points", points.interval, count};
  const std::vector<results::PairedTest>& stages = comparison.stages;
  if (!stages.empty()) figures[name + ".big_loss_points"] = loss(stages.back());
  if (stages.size() > 1) figures[name + ".little_loss_points"] = loss(stages.front());
  if (comparison.speedup) {
    figures[name + ".plan_speedup"] = {
        .value = *comparison.speedup, .unit = "x", .n = static_cast<int>(comparison.run_images)};
    figures[name + ".mean_latency_us"] = {.value = comparison.plans[0].run.value().mean_us, .unit = "us"};
    figures[name + ".other_mean_latency_us"] = {.value = comparison.plans[1].run.value().mean_us, .unit = "us"};
  }
  return figures;
}

std::string readable_comparison(const results::PlanComparison& comparison) {
  std::string out;
  for (const results::ComparedPlan& plan : comparison.plans) {
    out += std::format("{} {}", padded(printable_line(plan.name), 24), accuracies_text(plan, true));
    if (plan.run)
      out += std::format("  {:8.1f} us  {}, {:.2f} % as scored", plan.run->mean_us, plan.run->engine,
                         100 * plan.run->agreement);
    out += "\n";
    for (const results::ComparedStage& stage : plan.stages) {
      out += std::format("  {} {}  {}\n", padded(printable_line(stage.stage), 22), accuracies_text(stage, false),
                         plan::to_string(stage.precision));
    }
  }
  const auto line = [&](const std::string& what, const results::PairedTest& test) {
    out += std::format("{:<24} {:+6.2f} points [{:.2f}, {:.2f}]  p = {:.3g}\n", what, test.difference_points,
                       test.interval.low, test.interval.high, test.mcnemar_p);
  };
  if (std::ranges::any_of(comparison.plans, [](const auto& plan) { return plan.run && !plan.run->stable; }))
    out += "warning: " + std::string(kDisturbed) + "\n";
  line("first - second", comparison.points);
  for (const results::PairedTest& stage : comparison.stages)
    line("  " + printable_line(stage.a) + " - " + printable_line(stage.b), stage);
  if (comparison.speedup) out += std::format("second / first latency    {:.3f}\n", *comparison.speedup);
  return out;
}

}  // namespace triage::evaluate
