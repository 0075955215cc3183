// Map: CostModels (one provider's costs and its evaluators); search_seed (fronts of one seed); coopt_command.
#include "apps/triage/coopt.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/options/run_options.h"
#include "apps/triage/options/target_options.h"
#include "apps/triage/program/command.h"
#include "core/files/new_files.h"
#include "core/progress.h"
#include "core/system/machine.h"
#include "report/draw/gnuplot.h"
#include "workflow/config/run_config.h"
#include "workflow/search/layer_table.h"

namespace triage::cli {
namespace {

constexpr int kGridSteps = 1000;          // 0.1 points of accuracy
constexpr double kGridReach = 0.15;       // share of accuracy below the best that all reach: beyond, nobody deploys
constexpr std::size_t kUsualTargets = 4;  // rows of the table where none are asked for

struct CostModel {
  std::string name;
  workflow::ProviderCosts measured;
  search::Evaluator coarse, fine;  // of a search; of regret

  CostModel(workflow::SearchRun& opened, const std::string& provider)
      : name(provider),
        measured(opened.costs_of(provider)),
        coarse(opened.pool, measured.costs, opened.evaluator_options()),
        fine(opened.pool, measured.costs, fine_options(opened)) {}
  static search::EvaluatorOptions fine_options(const workflow::SearchRun& opened) {
    search::EvaluatorOptions options = opened.evaluator_options();
    options.levels = search::kRegretLevels;
    options.lowest = search::kRegretLowest;
    return options;
  }
};
using CostModels = std::deque<CostModel>;  // evaluators refer to the costs beside them

struct CooptRequest {
  std::vector<std::string> costs{"cpu", "compiled-untuned", "compiled"}, at;
  std::string deployed = "compiled";
  int seeds = 3;
  std::uint64_t trials = 5000;
};

std::string joined(const auto& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

// The place of the deployed one.
std::size_t check_request(const CooptRequest& request) {
  const std::vector<std::string>& costs = request.costs;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    if (std::ranges::find(workflow::kLayerProviders, costs[i]) == workflow::kLayerProviders.end())
      throw UsageError(
          std::format("--costs: expected some of {}, found '{}'", joined(workflow::kLayerProviders), costs[i]));
    if (std::ranges::find(costs, costs[i]) != costs.begin() + static_cast<std::ptrdiff_t>(i))
      throw UsageError(std::format("--costs: expected each cost model once, found '{}' again", costs[i]));
  }
  if (costs.size() < 2)
    throw UsageError(std::format("--costs: expected at least two cost models, found {}", joined(costs)));
  const auto found = std::ranges::find(costs, request.deployed);
  if (found == costs.end()) {
    throw UsageError(
        std::format("--deployed: expected one of --costs ({}), found '{}'", joined(costs), request.deployed));
  }
  return static_cast<std::size_t>(found - costs.begin());
}

// Its searches see the same subnets: what differs is what they believe about costs.
std::vector<search::Front> search_seed(workflow::SearchRun& opened, const CostModels& models,
                                       const search::SearchOptions& options) {
  const fs::path directory = opened.run / "coopt";
  fs::create_directories(directory);
  opened.score_initial(options);
  std::vector<search::Front> fronts;
  for (const CostModel& model : models) {
    const Json identity = opened.identity(search::to_json(options), model.measured.costs);
    search::Study study((directory / std::format("{}_{}.sqlite", model.name, options.seed)).string(),
                        opened.config.name, identity);
    Progress progress(std::format("seed {} {}", options.seed, model.name), options.max_trials, "trials", study.size());
    fronts.push_back(search::search_all_trials(study, model.coarse, options,
                                               [&](std::uint64_t trials) { progress.update(trials); }));
    progress.finish();
    fronts.back().identity = identity;
    if (fronts.back().points.empty()) search::knee_of(fronts.back());  // tells why there is no plan
  }
  return fronts;
}

std::vector<double> targets_of(const CooptRequest& request, const std::vector<double>& grid) {
  std::vector<double> targets;
  for (const std::string& text : request.at) {
    targets.push_back(parse_share("--at", text));
    if (targets.back() > grid.back()) {
      fail("--at: expected at most {:.1f} %, which the plans of all searches reach on the validation split, found {}",
           100 * grid.back(), text);
    }
  }
  if (!targets.empty()) return targets;
  for (std::size_t i = 1; i <= kUsualTargets; ++i) {
    const double accuracy = grid[(grid.size() - 1) * i / kUsualTargets];
    if (targets.empty() || accuracy > targets.back()) targets.push_back(accuracy);
  }
  return targets;
}

Coopt run_coopt(workflow::SearchRun& opened, const CooptRequest& request, const CostModels& models,
                std::size_t deployed) {
  Coopt coopt{.models = request.costs,
              .deployed = deployed,
              .axis = opened.config.axis,
              .trials = request.trials,
              .seeds = {},
              .curves = {}};
  std::vector<std::vector<search::ModelFront>> fine;  // by seed
  std::vector<const search::Front*> fronts;
  for (int i = 0; i < request.seeds; ++i) {
    search::SearchOptions options = opened.config.options;
    options.seed += static_cast<std::uint64_t>(i);
    options.max_trials = request.trials;
    options.new_subnets = 0;
    coopt.seeds.push_back(
        {.seed = options.seed, .found = search_seed(opened, models, options), .grid = {}, .targets = {}});
    std::vector<search::ModelFront>& of_seed = fine.emplace_back();
    for (std::size_t m = 0; m < models.size(); ++m)
      of_seed.push_back(
          {models[m].name, search::refined(coopt.seeds.back().found[m], models[m].fine), &models[m].fine});
  }
  for (const auto& of_seed : fine) {
    for (const search::ModelFront& model : of_seed) fronts.push_back(&model.front);
  }
  const std::vector<double> grid = search::accuracy_grid(fronts, kGridSteps, kGridReach);
  const std::vector<double> targets = targets_of(request, grid);
  std::vector<std::vector<search::RegretLevel>> levels;
  for (std::size_t i = 0; i < fine.size(); ++i) {
    coopt.seeds[i].grid = levels.emplace_back(search::regrets(fine[i], deployed, grid));
    coopt.seeds[i].targets = search::regrets(fine[i], deployed, targets);
  }
  for (std::size_t m = 0; m < models.size(); ++m) coopt.curves.push_back(search::regret_curve(levels, m, deployed));
  return coopt;
}

Json with_origin(Json json, const CostModels& models, const std::string& command) {
  json["costs"] = Json::array();
  for (const CostModel& model : models) {
    json["costs"].push_back({{"model", model.name},
                             {"identity", model.measured.costs.identity()},
                             {"device", model.measured.on.device},
                             {"engine_version", model.measured.on.engine_version},
                             {"machine", model.measured.on.machine}});
  }
  json["command"] = command;
  json["git"] = git_revision();
  json["date"] = iso_time_now();
  return json;
}

}  // namespace

int coopt_command(int argc, char** argv) {
  CLI::App app{
      "The same search under several cost models, and what it costs to deploy the plans that the wrong ones chose; a "
      "run that was stopped or killed goes on where it was",
      "triage coopt"};
  std::string config_file, run, figures, picture;
  std::vector<std::string> settings;
  bool json = false;
  CooptRequest request;
  app.add_option("CONFIG", config_file, "configuration (TOML) with a [search]; its provider is replaced")->required();
  app.add_option("--run", run, "run directory; default: runs/NAME of the configuration")->check(output_directory);
  add_settings_option(app, settings);
  app.add_option("--costs", request.costs, "cost models: " + joined(workflow::kLayerProviders))
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--deployed", request.deployed, "the one of them whose costs the plans really have")
      ->capture_default_str();
  app.add_option("--seeds", request.seeds, "searches under each: the configuration's seed and those behind it")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  app.add_option("--trials", request.trials, "of each search")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--at", request.at, "validation accuracies whose plans the table shows: 92%,93%")->delimiter(',');
  app.add_option("--figures", figures, "record the figures in this results/*.json")->check(figures_file);
  app.add_option("--picture", picture, "a copy of RUN/coopt.png")->check(output_file);
  app.add_flag("--json", json, "coopt.json on stdout, no progress");
  app.footer(
      "Example: triage coopt configs/cifar10-search.toml --run runs/cifar10-coopt --costs "
      "cpu,compiled-untuned,compiled "
      "--at 92%,93%");
  if (!parse_arguments(app, argc, argv)) return 0;
  const std::size_t deployed = check_request(request);
  for (const std::string& text : request.at) parse_share("--at", text);
  install_stop_handler();
  Progress::set_quiet(json);
  report::require_gnuplot();
  workflow::SearchConfig config = workflow::load_search_config(config_file, settings);
  if (config.axis == cost::CostAxis::macs) {
    fail("{}: search.axis: expected latency, found {}, which is the same under all cost models", config.origin,
         cost::to_string(config.axis));
  }
  config.provider = request.deployed;
  const fs::path directory = run_directory(run, config.name);
  workflow::keep_config(directory, config.text, config.origin);
  workflow::SearchRun opened(config, directory);
  CostModels models;
  for (const std::string& provider : request.costs) {
    models.emplace_back(opened, provider);
    const workflow::ProviderCosts &first = models.front().measured, &measured = models.back().measured;
    cost::require_same_machine(measured.on, first.on, measured.origin + ", beside " + first.origin);
  }
  const Coopt coopt = run_coopt(opened, request, models, deployed);
  const Json written = with_origin(to_json(coopt), models, command_line(argc, argv));
  NewFiles files(directory, "coopt");
  write_json(files.path() / "coopt.json", written);
  draw_coopt(coopt, files.path() / "coopt.png");
  files.commit();
  if (!picture.empty()) write_file_atomic(picture, read_file(directory / "coopt.png"));
  if (!figures.empty()) record_figures(figures, command_line(argc, argv), coopt_figures(coopt));
  if (json) {
    std::cout << dump_json(written, 2) << '\n';
    return 0;
  }
  print_coopt(coopt);
  std::printf("all plans: %s\n", (directory / "coopt.json").c_str());
  return 0;
}

}  // namespace triage::cli
