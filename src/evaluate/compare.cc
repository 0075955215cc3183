#include "evaluate/compare.h"

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
  route::Verdicts verdicts;
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
  side.at = operate(side.plan, side.table, side.verdicts);
  return side;
}

Json side_json(const Side& side, const ComparisonOptions& how) {
  Json json{{"name", side.plan.name}, {"mean_us", nullptr},   {"engine", nullptr},
            {"stable", nullptr},      {"agreement", nullptr}, {"stages", Json::array()}};
  json.update(accuracy_fields(side.table, side.at.labels, side.at.exits, how.bootstrap_rounds, how.seed));
  for (std::size_t s = 0; s < side.plan.stages.size(); ++s) {
    const std::vector<std::uint8_t> exits(side.table.count(), static_cast<std::uint8_t>(s));
    Json& stage = json["stages"].emplace_back(
        accuracy_fields(side.table, side.verdicts.label[s], exits, how.bootstrap_rounds, how.seed));
    stage["stage"] = side.plan.stages[s].name;
    stage["precision"] = plan::to_string(side.plan.stages[s].precision);
  }
  return json;
}

// Whether the run's answers are those of the table.
bool as_scored(const Side& side, std::uint32_t row, const Expected& outcome) {
  return outcome.exit == side.at.exits[row] && outcome.label == side.at.labels[row];
}

// Runs both, window by window in turns, and adds what came of it.
void run_both(const CompareOptions& options, const std::array<const Side*, 2>& sides, const data::Dataset& dataset,
              std::span<const std::uint32_t> indices, Json& json) {
  std::vector<Classifier> classifiers;
  for (std::size_t i = 0; i < sides.size(); ++i) {
    const std::string& engine = i == 0 ? options.plan.engine : options.other.engine;
    auto loaded = Classifier::load(sides[i]->directory.string(), {.engine = engine});
    if (!loaded) throw Error(loaded.error().message);
    classifiers.push_back(std::move(*loaded));
  }
  const std::vector<ClassifyRow> both{row_classifier(classifiers[0], dataset, indices),
                                      row_classifier(classifiers[1], dataset, indices)};
  std::array<std::size_t, 2> agreed{}, said{};
  std::array<std::array<double, 2>, 2> expected_us{};  // by side and half of the run: of the exits its images take
  std::array<std::vector<double>, 2> path_us{route::path_latency_us(sides[0]->plan),
                                             route::path_latency_us(sides[1]->plan)};
  const auto count = [&](std::size_t side, std::uint32_t row, const Expected& outcome) {
    expected_us[side][said[side] < options.real_run.images / 2 ? 0 : 1] += path_us[side][outcome.exit];
    ++said[side];
    agreed[side] += as_scored(*sides[side], row, outcome);
  };
  const std::vector<TurnTimes> times = times_in_turns(both, indices.size(), steady_us, options.real_run, count);
  for (std::size_t i = 0; i < sides.size(); ++i) {
    Json& plan = json["plans"][i];
    plan["mean_us"] = times[i].mean;
    plan["engine"] = classifiers[i].info().engine;
    plan["engine_note"] = classifiers[i].info().engine_note;
    plan["agreement"] = static_cast<double>(agreed[i]) / static_cast<double>(said[i]);
    // Images that go on take longer: what is compared are times against those expected of the same exits.
    const double change = times[i].half[1] * expected_us[i][0] / (times[i].half[0] * expected_us[i][1]);
    plan["stable"] = !(std::abs(change - 1) > kSteady);  // of one image nothing is known
  }
  json["speedup"] = times[1].mean / times[0].mean;
  json["images"] = options.real_run.images;
}

}  // namespace

Json compare_plans(const CompareOptions& options) {
  const int threads = thread_count(options.threads);
  const data::Dataset dataset = data::Dataset::open(options.data);
  const std::vector<std::uint32_t> indices = test_indices(dataset);
  const TemporaryDirectory directory("compare");
  const Side a = open_side(options.plan, directory.path() / "plan", dataset, indices, threads, options.context);
  const Side b = open_side(options.other, directory.path() / "other", dataset, indices, threads, options.context);
  Json json{{"plans", {side_json(a, options.comparison), side_json(b, options.comparison)}},
            {"stages", Json::array()},
            {"speedup", nullptr}};
  json["points"] =
      paired_test(a.plan.name, a.at.correct, b.plan.name, b.at.correct, a.at.latency_us, options.comparison);
  for (std::size_t s = 0; s < a.plan.stages.size() && a.plan.stages.size() == b.plan.stages.size(); ++s) {
    json["stages"].push_back(paired_test(a.plan.stages[s].name, a.verdicts.correct[s], b.plan.stages[s].name,
                                         b.verdicts.correct[s], a.at.latency_us, options.comparison));
  }
  if (options.latency) run_both(options, {&a, &b}, dataset, indices, json);
  json["count"] = indices.size();
  return json;
}

namespace {

// "93.10 % [92.5, 93.6]  balanced 91.02 %  macro F1 91.20 %  top 5 99.10 %"
std::string accuracies(const Json& of, bool interval) {
  const auto percent = [&](const char* key) {
    return of.contains(key) && of[key].is_number() ? std::format("{:6.2f} %", 100 * of[key].get<double>()) : "-";
  };
  std::string out = percent("accuracy");
  if (interval)
    out +=
        std::format(" [{:.2f}, {:.2f}]", 100 * of["interval"][0].get<double>(), 100 * of["interval"][1].get<double>());
  out += std::format("  balanced {}  macro F1 {}", percent("balanced_accuracy"), percent("macro_f1"));
  if (percent("top5_accuracy") != "-") out += "  top 5 " + percent("top5_accuracy");
  return out;
}

}  // namespace

std::map<std::string, Figure> comparison_figures(const Json& json, const std::string& name) {
  const int count = json["count"];
  const auto accuracy = [&](const Json& of) {
    return Figure{100 * of["accuracy"].get<double>(), "%",
                  Interval{100 * of["interval"][0].get<double>(), 100 * of["interval"][1].get<double>()}, count};
  };
  const auto loss = [&](const Json& test) {  // of the plan against the other: a minus b, the other way round
    return Figure{0 - test["difference_points"].get<double>(), "points",
                  Interval{0 - test["interval"][1].get<double>(), 0 - test["interval"][0].get<double>()}, count};
  };
  std::map<std::string, Figure> figures;
  figures[name + ".accuracy"] = accuracy(json["plans"][0]);
  figures[name + ".other_accuracy"] = accuracy(json["plans"][1]);
  const Json& points = json["points"];
  figures[name + ".plan_points"] = {points["difference_points"].get<double>(), "points",
                                    Interval{points["interval"][0].get<double>(), points["interval"][1].get<double>()},
                                    count};
  const Json& stages = json["stages"];
  if (!stages.empty()) figures[name + ".big_loss_points"] = loss(stages.back());
  if (stages.size() > 1) figures[name + ".little_loss_points"] = loss(stages.front());
  if (json["speedup"].is_number()) {
    figures[name + ".plan_speedup"] = {.value = json["speedup"], .unit = "x", .n = json["images"].get<int>()};
    figures[name + ".mean_latency_us"] = {.value = json["plans"][0]["mean_us"], .unit = "us"};
    figures[name + ".other_mean_latency_us"] = {.value = json["plans"][1]["mean_us"], .unit = "us"};
  }
  return figures;
}

std::string readable_comparison(const Json& json) {
  std::string out;
  for (const Json& plan : json["plans"]) {
    out += std::format("{} {}", padded(printable_line(plan["name"].get<std::string>()), 24), accuracies(plan, true));
    if (plan["mean_us"].is_number())
      out += std::format("  {:8.1f} us  {}, {:.2f} % as scored", plan["mean_us"].get<double>(),
                         plan["engine"].get<std::string>(), 100 * plan["agreement"].get<double>());
    out += "\n";
    for (const Json& stage : plan["stages"]) {
      out += std::format("  {} {}  {}\n", padded(printable_line(stage["stage"].get<std::string>()), 22),
                         accuracies(stage, false), stage["precision"].get<std::string>());
    }
  }
  const auto line = [&](const std::string& what, const Json& test) {
    out += std::format("{:<24} {:+6.2f} points [{:.2f}, {:.2f}]  p = {:.3g}\n", what,
                       test["difference_points"].get<double>(), test["interval"][0].get<double>(),
                       test["interval"][1].get<double>(), test["mcnemar_p"].get<double>());
  };
  if (std::ranges::any_of(json["plans"], [](const Json& plan) { return plan["stable"] == false; }))
    out += "warning: " + std::string(kDisturbed) + "\n";
  line("first - second", json["points"]);
  for (const Json& stage : json["stages"])
    line("  " + printable_line(stage["a"].get<std::string>()) + " - " + printable_line(stage["b"].get<std::string>()),
         stage);
  if (json["speedup"].is_number())
    out += std::format("second / first latency    {:.3f}\n", json["speedup"].get<double>());
  return out;
}

}  // namespace triage::evaluate
