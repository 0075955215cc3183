// triage coopt: what searches under several cost models choose, and what it costs to deploy what the wrong ones chose.
#include <cmath>
#include <cstdio>
#include <format>
#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/options/run_options.h"
#include "apps/triage/options/target_options.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/text.h"
#include "engine/names.h"
#include "report/draw/gnuplot.h"
#include "workflow/search/front/shown_axis.h"
#include "workflow/search/layer_table.h"
#include "workflow/study/coopt_run.h"

namespace triage::cli {
namespace {

// Without "-0.0".
double tenths(double value) { return std::round(10 * value) / 10 + 0.0; }

// "12.3 [10.1, 14.5]"
std::string with_interval(const MeanEstimate& estimate) {
  if (!estimate.interval) return std::format("{:.1f}", estimate.mean);
  return std::format("{:.1f} [{:.1f}, {:.1f}]", estimate.mean, estimate.interval->low, estimate.interval->high);
}

// "23.1 4.2"
std::string numbers(std::span<const double> values, double scale, int digits) {
  std::string text;
  for (const double value : values) text += std::format("{}{:.{}f}", text.empty() ? "" : " ", scale * value, digits);
  return text.empty() ? "-" : text;
}

void print_coopt(const workflow::Coopt& coopt) {
  const workflow::ShownAxis axis = workflow::shown(coopt.axis);
  const workflow::CooptSeed& first = coopt.seeds[0];
  const std::string truth = coopt.models[coopt.deployed];
  std::printf(
      "plans of seed %llu; true: under the costs of '%s'; regret in %%, 'anew': thresholds solved under those\n",
      static_cast<unsigned long long>(first.seed), truth.c_str());
  for (const search::RegretLevel& level : first.targets) {
    std::printf("\nat %.1f %% validation accuracy\n%-17s %12s %9s %7s %7s  %-13s %-13s %s\n", 100 * level.accuracy,
                "costs", (std::string("predicted ") + axis.unit).c_str(), (std::string("true ") + axis.unit).c_str(),
                "regret", "anew", "sent on (%)", "thresholds", "plan");
    for (std::size_t m = 0; m < coopt.models.size(); ++m) {
      const search::ModelChoice& choice = level.choices[m];
      std::printf("%-17s %12.1f %9.1f %7.1f %7.1f  %-13s %-13s %s%s\n", coopt.models[m].c_str(),
                  choice.predicted / axis.scale, choice.cost / axis.scale, tenths(choice.regret_percent),
                  tenths(choice.structure_percent), numbers(std::span(choice.plan.reach).subspan(1), 100, 1).c_str(),
                  numbers(choice.plan.thresholds, 1, 3).c_str(), choice.plan.genome.text().c_str(),
                  choice.violation > 0 ? "  (breaks a budget)" : "");
    }
  }
  std::printf("\nregret (%%, mean of %zu seeds) over %.1f to %.1f %% validation accuracy\n", coopt.seeds.size(),
              100 * first.grid.front().accuracy, 100 * first.grid.back().accuracy);
  for (std::size_t m = 0; m < coopt.models.size(); ++m) {
    if (m == coopt.deployed) continue;
    const search::RegretCurve& curve = coopt.curves[m];
    const search::RegretMean& largest = curve.at[curve.largest];
    std::printf(
        "%-17s largest %s at %.1f %% (thresholds anew %s, promised cost %+.1f %% off); mean %s; the structure of '%s' "
        "in "
        "%.0f %% of the cases\n",
        coopt.models[m].c_str(), with_interval(largest.regret_percent).c_str(), 100 * largest.accuracy,
        with_interval(largest.structure_percent).c_str(), largest.promise_percent.mean,
        with_interval(curve.mean_percent).c_str(), truth.c_str(), 100 * curve.same_structure);
  }
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
  workflow::CooptRequest request;
  std::vector<std::string> at;
  app.add_option("CONFIG", config_file, "configuration (TOML) with a [search]; its provider is replaced")->required();
  app.add_option("--run", run, "run directory; default: runs/NAME of the configuration")->check(output_directory);
  add_settings_option(app, settings);
  app.add_option("--costs", request.costs, "cost models: " + joined(engine::kLayerProviders))
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
  app.add_option("--at", at, "validation accuracies whose plans the table shows: 92%,93%")->delimiter(',');
  app.add_option("--figures", figures, "record the figures in this results/*.json")->check(figures_file);
  app.add_option("--picture", picture, "a copy of RUN/coopt.png")->check(output_file);
  app.add_flag("--json", json, "coopt.json on stdout, no progress");
  app.footer(std::format(
      "Example: triage coopt configs/cifar10-search.toml --run runs/cifar10-coopt --costs {},{},{} --at 92%,93%",
      engine::kCpu, engine::kUntuned, engine::kTuned));
  if (!parse_arguments(app, argc, argv)) return 0;
  workflow::deployed_of(request);
  for (const std::string& text : at) request.at.push_back(parse_share("--at", text));
  const Context context = stoppable(json);
  report::require_gnuplot();
  const workflow::SearchConfig config = workflow::load_search_config(config_file, settings);
  const fs::path directory = run_directory(run, config.name);
  const std::string command = command_line(argc, argv);
  const auto [coopt, written] = workflow::run_coopt(config, directory, request, command, context);
  if (!picture.empty()) write_file_atomic(picture, read_file(directory / "coopt.png"));
  if (!figures.empty()) record_figures(figures, command, workflow::coopt_figures(coopt));
  if (json) {
    std::cout << dump_json(written, 2) << '\n';
    return 0;
  }
  print_coopt(coopt);
  std::printf("all plans: %s\n", (directory / "coopt.json").c_str());
  return 0;
}

}  // namespace triage::cli
