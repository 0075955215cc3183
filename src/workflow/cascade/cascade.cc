// Map: import every net, put it in int8 where that is wanted, ask all of them about the route and validation images,
// measure them, solve, write the plan of the chosen nets, then evaluate and report it as any plan.
#include "workflow/cascade/cascade.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <map>

#include "core/files/new_directory.h"
#include "core/rng.h"
#include "core/system/limits.h"
#include "core/system/machine.h"
#include "core/text.h"
#include "data/splits.h"
#include "engine/registry.h"
#include "evaluate/evaluate.h"
#include "report/report.h"
#include "route/metric.h"
#include "route/plan_warnings.h"
#include "route/temperature.h"
#include "workflow/build/plan_with_curve.h"
#include "workflow/cascade/cascade_json.h"
#include "workflow/cascade/folder_data.h"
#include "workflow/cascade/int8_nets.h"
#include "workflow/cascade/measure_nets.h"
#include "workflow/run/new_plan.h"

namespace triage::workflow {
namespace {

constexpr std::uint32_t kFittedImages = 1000;  // of the route split, where the set has twice as many

// The validation images, on which everything is chosen, in a drawn order: in the file they stand class by class.
data::Splits splits_of(const data::Dataset& dataset, const CascadeRequest& request, std::vector<std::string>& notes) {
  const data::DatasetInfo& info = dataset.info();
  if (info.test_count == 0) fail("{}: found no test images, expected some", request.data.string());
  if (info.validation_count == 0)
    notes.push_back(
        std::format("{} has no validation images of its own; they are drawn from the training images, which "
                    "is right only for nets that were not trained on them (import with "
                    "--validation-from-test 50% for others)",
                    info.name));
  data::SplitOptions sizes = data::resolve_splits(info, std::nullopt, std::nullopt, request.seed);
  sizes.route =
      std::max(sizes.route, std::min(kFittedImages, info.train_count / 2));  // nothing is trained on the others
  data::Splits splits = data::make_splits(dataset, sizes);
  Rng rng(derive_seed(request.seed, "cascade"));
  rng.shuffle(std::span(splits.validation));
  return splits;
}

void check_names(const std::vector<NetSource>& nets, bool int8) {
  if (nets.empty()) fail("expected at least one net");
  for (const NetSource& net : nets)
    if (!fs::is_regular_file(net.net.file)) fail("{}: expected an ONNX file, found none", net.net.file.string());
  std::map<std::string, std::string> files;  // by the name of the stage
  for (const NetSource& net : nets) {
    const std::string name = net.net.file.stem().string(), file = net.net.file.string();
    std::vector<std::string> names{name};
    if (int8) names.push_back(name + kInt8Suffix);
    for (const std::string& stage : names) {
      const auto [other, is_new] = files.emplace(stage, file);
      if (!is_new)
        fail("{} and {}: expected files of different names: stages are called by them{}", other->second, file,
             int8 ? std::format(", in int8 with '{}' behind", kInt8Suffix) : "");
    }
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

// Networks are surer of the images they were trained on than of others, and more often right: what is fitted on those
// would not hold. Beyond three standard errors of the difference of any net.
bool knows_training_images(const route::ScoreTable& route, const route::ScoreTable& validation,
                           std::vector<std::string>& notes) {
  const route::Verdicts there = route::verdicts(route), here = route::verdicts(validation);
  for (std::size_t net = 0; net < route.stages.size(); ++net) {
    const double trained = route::valued_accuracy(there.correct[net], {}),
                 own = route::valued_accuracy(here.correct[net], {});
    const double error = std::sqrt(trained * (1 - trained) / static_cast<double>(route.count()) +
                                   own * (1 - own) / static_cast<double>(validation.count()));
    if (trained - own <= 3 * error) continue;
    notes.push_back(
        std::format("'{}' knows the training images ({:.1f} % right, of the validation images {:.1f} %): temperatures "
                    "and weights of "
                    "answers are fitted on the validation images",
                    route.stages[net].name, 100 * trained, 100 * own));
    return true;
  }
  return false;
}

void solve_front(const CascadeRequest& request, const plan::Plan& all, const route::ScoreTable& validation,
                 const route::ScoreTable& fitted, CascadeResult& result, const Context& context) {
  SolveRequest solve{.max_stages = request.max_stages, .metric = request.metric, .context = context};
  LearnedRequest learned{.metric = request.metric, .context = context};
  learned.routers.seed = request.seed;
  if (!request.policies.empty()) {
    solve.policies = request.policies;
    learned.asked = std::erase(solve.policies, plan::PolicyKind::learned) > 0;
    learned.alone = solve.policies.empty();
    if (learned.alone) solve.policies = {plan::PolicyKind::confidence};
  }
  result.front = solve_cascades(all, validation, fitted, solve);
  if (!request.policies.empty() && !learned.asked) return;
  result.learned = add_learned(result.front, all, validation, fitted, learned, result.notes);
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
  plan::Plan plan = plan_at(all, point);
  const route::ScoreTable table = route::table_of_stages(validation, point.chain);
  const route::ExitScores scores = route::policy_scores(plan, plan.policy, table);
  const std::vector<std::uint8_t> exits = route::exits_taken(scores, point.at.thresholds);
  plan.predicted = plan::Prediction{.metric = metric,
                                    .accuracy = point.at.accuracy,
                                    .mean_latency_us = point.at.latency_us,
                                    .exit_share = route::exit_shares(exits, plan.stages.size())};
  if (plan.stages.size() > 1) {
    for (std::string& text : route::plan_warnings(plan, table, route::verdicts(table), exits, metric))
      warnings.push_back(std::move(text));
  }
  return plan;
}

Json provenance(const CascadeRequest& request, const std::vector<ImportedNet>& imported, const data::DatasetInfo& info,
                const data::Splits& splits, const std::vector<std::string>& warnings) {
  Json nets = Json::array();
  for (std::size_t i = 0; i < request.nets.size(); ++i)
    nets.push_back({{"file", printable_line(request.nets[i].net.file.string())}, {"sha256", imported[i].sha256}});
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

void use_folder(const CascadeRequest& request, CascadeResult& result, const Context& context) {
  FolderData data = import_folder(request.data, request.out, {}, context);
  result.data = data.file;
  result.notes.push_back(std::format("{}: {} {}", data.file.string(),
                                     data.known ? "imported before from the same files of" : "imported from",
                                     request.data.string()));
  for (std::string& note : data.notes) result.notes.push_back(std::move(note));
}

}  // namespace

CascadeResult run_cascade(const CascadeRequest& request, const Context& context) {
  check_names(request.nets, request.int8);
  CascadeResult result{.data = request.data};
  if (fs::is_directory(request.data)) use_folder(request, result, context);
  const data::Dataset dataset = data::Dataset::open(result.data);
  NewDirectory made(request.out);
  const fs::path& directory = made.path();

  const data::Splits splits = splits_of(dataset, request, result.warnings);
  for (const NetSource& net : request.nets)
    result.nets.push_back(import_net(net, dataset, splits.validation, directory, context));
  if (request.int8)
    add_int8_nets(result.nets, directory, int8_images(dataset, splits, request.seed),
                  {.max_loss = request.int8_loss, .threads = request.threads, .context = context});
  plan::Plan all = plan_of_nets(request, dataset.info(), result.nets);
  measure_nets(all, directory, dataset, splits.validation,
               {.seconds = request.profile_seconds, .threads = request.threads, .context = context});
  const int threads = thread_count(0);
  const route::ScoreTable route = route::score_plan(all, directory, dataset, splits.route, {}, threads,
                                                    {.label = "score route split", .context = context});
  const route::ScoreTable validation = route::score_plan(all, directory, dataset, splits.validation, {}, threads,
                                                         {.label = "score validation split", .context = context});
  const bool known = knows_training_images(route, validation, result.warnings);
  const route::ScoreTable& fitted = known ? validation : route;
  const std::vector<double> temperatures = route::fit_temperatures(fitted);
  for (std::size_t i = 0; i < all.stages.size(); ++i) all.stages[i].exit.temperature = temperatures[i];
  const route::Verdicts verdicts = route::verdicts(validation);
  for (const auto& correct : verdicts.correct) result.accuracy.push_back(route::valued_accuracy(correct, {}));
  for (const plan::Stage& stage : all.stages) result.latency_us.push_back(stage.cost->latency_us.mean);

  solve_front(request, all, validation, fitted, result, context);
  std::vector<std::size_t> sure;
  if (request.target.knee()) sure = sure_points(result.front, all, validation, request.metric);
  const CascadePoint& chosen = choose_cascade(result.front, request.target, sure);
  result.chosen = static_cast<std::size_t>(&chosen - result.front.data());
  result.plan = chosen_plan(all, chosen, validation, request.metric, result.warnings);
  result.plan.provenance = provenance(request, result.nets, dataset.info(), splits, result.warnings);
  remove_files_of_others(result.plan, result.nets, directory);
  save_plan_with_curve(directory, result.plan, route::table_of_stages(validation, chosen.chain), request.metric,
                       result.plan.provenance.at("data"));
  write_json(directory / "cascade.json", to_json(result, all));

  evaluate::EvaluateOptions options{.plan = directory, .data = result.data, .command = request.command};
  options.context = context;
  result.results = evaluate::evaluate_plan(options);
  results::save_results(directory / "results.json", result.results);
  for (const std::string& note : report::write_report(directory, {.data = result.data}).notes)
    context.message("report: " + note);
  made.take_over(files_of_plan(request.out));
  made.commit();
  return result;
}

}  // namespace triage::workflow
