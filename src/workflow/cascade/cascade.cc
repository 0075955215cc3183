// Map: import every net, ask all of them about the route and validation images, measure them, solve, write the plan of
// the chosen nets, then evaluate and report it as any plan.
#include "workflow/cascade/cascade.h"

#include <algorithm>
#include <format>

#include "core/files/new_directory.h"
#include "core/progress.h"
#include "core/system/limits.h"
#include "core/system/machine.h"
#include "core/text.h"
#include "data/splits.h"
#include "engine/registry.h"
#include "evaluate/evaluate.h"
#include "measure/stages/stages.h"
#include "report/report.h"
#include "route/metric.h"
#include "route/plan_warnings.h"
#include "route/temperature.h"
#include "workflow/build/attach_costs.h"
#include "workflow/cascade/cascade_json.h"
#include "workflow/cascade/prepare_costs.h"
#include "workflow/run/new_plan.h"

namespace triage::workflow {
namespace {

constexpr std::size_t kMeasuredImages = 256;

// The thresholds are chosen on images that no net was trained on.
data::Splits splits_of(const data::Dataset& dataset, const CascadeRequest& request) {
  const data::DatasetInfo& info = dataset.info();
  if (info.validation_count == 0 || info.test_count == 0)
    fail(
        "{}: found {} validation and {} test images, expected some of both: the nets may know the training images, so "
        "what to ask is chosen on others; import with --validation-from-test 50%",
        request.data.string(), info.validation_count, info.test_count);
  return data::make_splits(dataset, data::resolve_splits(info, std::nullopt, std::nullopt, request.seed));
}

void check_names(const std::vector<NetSource>& nets) {
  if (nets.empty()) fail("expected at least one net");
  for (auto net = nets.begin(); net != nets.end(); ++net) {
    const auto same = std::find_if(
        nets.begin(), net, [&](const NetSource& before) { return before.net.file.stem() == net->net.file.stem(); });
    if (same != net)
      fail("{} and {}: expected files of different names: stages are called by them", same->net.file.string(),
           net->net.file.string());
  }
}

// All nets as the stages of one plan, in the order they were named.
plan::Plan plan_of_nets(const CascadeRequest& request, const data::DatasetInfo& info,
                        const std::vector<ImportedNet>& nets) {
  plan::Plan plan{.name = printable_line(fs::weakly_canonical(request.out).filename().string())};
  plan.input = {info.channels, info.height, info.width};
  plan.fit = info.fit;
  plan.classes = info.classes;
  plan.policy = plan::PolicyKind::confidence;
  for (const ImportedNet& net : nets) plan.stages.push_back(net.stage);
  return plan;
}

void measure_nets(plan::Plan& plan, const fs::path& directory, const data::Dataset& dataset,
                  std::span<const std::uint32_t> images, const CascadeRequest& request, const Context& context) {
  images = images.first(std::min(images.size(), kMeasuredImages));
  const std::vector<std::uint8_t> pixels = dataset.pixels(images);
  const data::DatasetInfo& info = dataset.info();
  const measure::Images measured{pixels, static_cast<int>(images.size()), info.height, info.width, info.channels};
  measure::ProfileOptions options;
  options.threads = {request.threads};
  options.measure.min_seconds = request.profile_seconds;
  options.measure.max_seconds = 3 * request.profile_seconds;
  options.measure.stop = context.stop;
  Progress progress(context, "measure", 0, "rounds");
  const measure::Profile profile =
      measure::profile_stages(plan, directory, measured, options, [&](std::size_t round) { progress.update(round); });
  progress.finish();
  cost::save_cost_table(directory / "costs.json", profile.table);
  attach_costs(plan, profile.table, request.threads);
  add_prepare_costs(plan, measured, options.measure);
  for (const std::string& text : measure::disturbed_rows(profile.table)) context.message("warning: " + text);
}

// The nets that the plan does not ask leave no files.
void remove_files_of_others(const plan::Plan& plan, const std::vector<ImportedNet>& nets, const fs::path& directory) {
  for (const ImportedNet& net : nets) {
    const bool used = std::ranges::any_of(plan.stages, [&](const auto& stage) { return stage.onnx == net.stage.onnx; });
    if (!used) fs::remove(directory / net.stage.onnx);
  }
}

plan::Plan chosen_plan(const plan::Plan& all, const CascadePoint& point, const route::ScoreTable& validation,
                       plan::Metric metric, std::vector<std::string>& warnings) {
  plan::Plan plan = chain_plan(all, point.chain);
  plan.policy = point.policy;
  for (std::size_t i = 0; i < point.at.thresholds.size(); ++i) plan.stages[i].exit.threshold = point.at.thresholds[i];
  const route::ScoreTable table = chain_table(validation, point.chain);
  const route::ExitScores scores = route::policy_scores(plan, plan.policy, table);
  std::vector<std::uint8_t> exits(table.count(), 0);
  if (!scores.empty()) exits = route::exits_taken(scores, point.at.thresholds);
  std::vector<double> share(plan.stages.size());
  for (const std::uint8_t exit : exits) share[exit] += 1.0 / static_cast<double>(exits.size());
  plan.predicted = plan::Prediction{
      .metric = metric, .accuracy = point.at.accuracy, .mean_latency_us = point.at.latency_us, .exit_share = share};
  if (plan.stages.size() > 1) warnings = route::plan_warnings(plan, table, route::verdicts(table), exits, metric);
  return plan;
}

Json provenance(const CascadeRequest& request, const data::DatasetInfo& info, const data::Splits& splits,
                const std::vector<std::string>& warnings) {
  Json nets = Json::array();
  for (const NetSource& net : request.nets) {
    const std::string bytes = read_file(net.net.file);
    nets.push_back({{"file", printable_line(net.net.file.string())}, {"sha256", sha256_hex(bytes)}});
  }
  return {{"command", request.command},
          {"nets", nets},
          {"seed", request.seed},
          {"data", {{"name", info.name}, {"sha256", info.sha256}}},
          {"splits",
           {{"route", splits.route.size()}, {"validation", splits.validation.size()}, {"test", splits.test.size()}}},
          {"engine", engine::name_and_version({})},
          {"threads", request.threads},
          {"warnings", warnings},
          {"machine", machine_context()},
          {"git", git_revision()},
          {"date", iso_time_now()}};
}

}  // namespace

CascadeResult run_cascade(const CascadeRequest& request, const Context& context) {
  check_names(request.nets);
  const data::Dataset dataset = data::Dataset::open(request.data);
  const data::Splits splits = splits_of(dataset, request);
  NewDirectory made(request.out);
  const fs::path& directory = made.path();

  CascadeResult result;
  for (const NetSource& net : request.nets)
    result.nets.push_back(import_net(net, dataset, splits.validation, directory, context));
  plan::Plan all = plan_of_nets(request, dataset.info(), result.nets);
  measure_nets(all, directory, dataset, splits.validation, request, context);
  const int threads = thread_count(0);
  const route::ScoreTable route = route::score_plan(all, directory, dataset, splits.route, {}, threads,
                                                    {.label = "score route split", .context = context});
  const route::ScoreTable validation = route::score_plan(all, directory, dataset, splits.validation, {}, threads,
                                                         {.label = "score validation split", .context = context});
  const std::vector<double> temperatures = route::fit_temperatures(route);
  for (std::size_t i = 0; i < all.stages.size(); ++i) all.stages[i].exit.temperature = temperatures[i];
  const route::Verdicts verdicts = route::verdicts(validation);
  for (const auto& correct : verdicts.correct) result.accuracy.push_back(route::valued_accuracy(correct, {}));

  SolveRequest solve{.max_stages = request.max_stages, .metric = request.metric, .context = context};
  if (!request.policies.empty()) solve.policies = request.policies;
  result.front = solve_cascades(all, validation, solve);
  const CascadePoint& chosen = choose_cascade(result.front, request.target);
  result.chosen = static_cast<std::size_t>(&chosen - result.front.data());
  result.plan = chosen_plan(all, chosen, validation, request.metric, result.warnings);
  result.plan.provenance = provenance(request, dataset.info(), splits, result.warnings);
  remove_files_of_others(result.plan, result.nets, directory);
  plan::save_plan(directory, result.plan);
  write_json(directory / "cascade.json", to_json(result, all));

  evaluate::EvaluateOptions options{.plan = directory, .data = request.data, .command = request.command};
  options.context = context;
  result.results = evaluate::evaluate_plan(options);
  results::save_results(directory / "results.json", result.results);
  for (const std::string& note : report::write_report(directory, {.data = request.data}).notes)
    context.message("report: " + note);
  made.take_over(files_of_plan(request.out));
  made.commit();
  return result;
}

}  // namespace triage::workflow
