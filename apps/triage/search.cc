// triage search: architectures, exits, stages, policies and thresholds found together.
#include <cmath>
#include <cstdio>
#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/options/run_options.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/system/machine.h"
#include "core/text.h"
#include "report/draw/gnuplot.h"
#include "workflow/search/joint_run.h"
#include "workflow/study/ablation.h"

namespace triage::cli {
namespace {

// Of each net in the order they are asked: "int8 > fp32".
std::string precision_of_nets(const search::Genome& genome) {
  std::string text;
  for (const search::Net& leg : genome.nets) text += (text.empty() ? "" : " > ") + plan::to_string(leg.precision);
  return text;
}

void print(const search::Front& front, const search::SearchStatus& status, const workflow::SearchRun& opened) {
  const bool several = opened.config.options.structures.precisions.size() > 1;
  const fs::path& run = opened.run;
  std::printf("%9s %9s %9s %9s  %s%s\n", "accuracy", "mean us", "p90 us", "MMAC",
              several ? "precision of the nets      " : "", "plan");
  for (const search::FrontPoint& point : front.points) {
    std::printf("%8.2f%% %9.1f %9.1f %9.2f  ", 100 * point.accuracy, point.cost.mean_latency_us,
                point.cost.p90_latency_us, point.cost.mean_macs / 1e6);
    if (several) std::printf("%-26s ", precision_of_nets(point.genome).c_str());
    std::printf("%s\n", point.genome.text().c_str());
  }
  if (!opened.config.device.empty()) std::printf("latency as on %s\n", opened.config.device.c_str());
  std::printf("%llu trials, %zu subnets, %.1f min, hypervolume %.4f (%s)\nfront: %s\nnext: triage build %s --knee\n",
              static_cast<unsigned long long>(status.trials), status.subnets, status.minutes, status.hypervolume,
              status.why.c_str(), (run / "front.json").c_str(), shell_word(run.string()).c_str());
}

void print_ablation(const workflow::Comparison& all, const std::map<std::string, Figure>& figures,
                    const fs::path& file) {
  const double scale = workflow::shown(all.axis).scale;
  std::printf(
      "test accuracy (%%, mean of %zu seeds) of the plan that each method offers within a budget of mean %s\n%-18s",
      all.seeds.size(), cost::to_string(all.axis).c_str(), "method");
  for (std::size_t i = 0; i < all.budgets.size(); i += 3) std::printf(" %7.0f", all.budgets[i] / scale);
  for (std::size_t of = 0; of < all.seeds[0].size(); ++of) {
    std::printf("\n%-18s", all.seeds[0][of].name.c_str());
    const workflow::Curve curve = all.curve(of);
    for (std::size_t i = 0; i < curve.size(); i += 3) {
      std::isnan(curve[i]) ? std::printf(" %7s", "-") : std::printf(" %7.2f", 100 * curve[i]);
    }
  }
  std::printf("\n");
  for (const auto& [key, figure] : figures)
    std::printf("%-46s %8.2f %s\n", key.c_str(), figure.value, figure.unit.c_str());
  std::printf("all plans: %s\n", file.c_str());
}

}  // namespace

int search_command(int argc, char** argv) {
  CLI::App app{
      "Searches architectures, exits, stages, policies and thresholds together, under budgets; a search that was "
      "stopped "
      "or killed goes on where it was, and several processes may work on one",
      "triage search"};
  std::string config_file, run, study_location, figures, picture;
  std::vector<std::string> settings;
  bool json = false, ablation = false, score_only = false;
  workflow::AblationRequest request;
  app.add_option("CONFIG", config_file, "configuration (TOML) with a [search]")->required();
  app.add_option("--run", run, "run directory; default: runs/NAME of the configuration")->check(output_directory);
  add_settings_option(app, settings);
  app.add_option("--study", study_location,
                 "where trials are kept: a SQLite file (default: RUN/search.sqlite) or a "
                 "PostgreSQL database, postgresql://USER@HOST/DATABASE")
      ->check(output_file_or_server);
  app.add_flag("--score-only", score_only,
               "only score subnets, for the searches of this --study that other processes make, until they end");
  app.add_flag("--ablation", ablation,
               "instead of a search: it and other ways to plans on the same subnets, held against each other on the "
               "test split");
  app.add_option("--seeds", request.seeds, "of --ablation")->capture_default_str()->check(CLI::Range(1, 100));
  app.add_option("--trials", request.trials, "of each method of --ablation that searches")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--figures", figures, "record the figures in this results/*.json")->check(figures_file);
  app.add_option("--picture", picture, "with --ablation: a copy of its picture")->check(output_file);
  app.add_flag("--json", json, "front.json on stdout, no progress");
  app.footer("Example: triage search configs/cifar10-search.toml --run runs/cifar10-search");
  if (!parse_arguments(app, argc, argv)) return 0;
  if (score_only && study_location.empty()) throw UsageError("--score-only: expected --study beside it");
  const Context context = stoppable(json);
  const workflow::SearchConfig config = workflow::load_search_config(config_file, settings);
  if (score_only) {
    const std::size_t scored = workflow::score_for_search(config, study_location, context);
    std::printf("the search has ended; %zu subnets were scored here\n", scored);
    return 0;
  }
  report::require_gnuplot();
  const fs::path directory = run_directory(run, config.name);
  workflow::keep_config(directory, config.text, config.origin);
  workflow::SearchRun opened(config, directory, context);
  const std::string command = command_line(argc, argv);
  if (ablation) {
    const auto [comparison, written] = workflow::run_ablation(opened, request);
    const std::map<std::string, Figure> measured = workflow::ablation_figures(comparison, written);
    if (!picture.empty()) write_file_atomic(picture, read_file(directory / "ablation.png"));
    if (!figures.empty()) record_figures(figures, command, measured);
    if (json)
      std::cout << dump_json(written, 2) << '\n';
    else
      print_ablation(comparison, measured, directory / "ablation.json");
    return 0;
  }
  const auto [front, status] = workflow::run_search(opened, study_location);
  if (status.done && !figures.empty()) {
    record_figures(figures, command,
                   {{"search.minutes", {.value = status.minutes, .unit = "min"}},
                    {"search.trials", {.value = static_cast<double>(status.trials), .unit = "1"}}});
  }
  if (!status.done) throw Interrupted("stopped; front.json holds what was found, the same command goes on from here");
  if (front.points.empty()) search::knee_of(front);  // tells why there is no plan
  if (json)
    std::cout << dump_json(search::to_json(front), 2) << '\n';
  else
    print(front, status, opened);
  return 0;
}

}  // namespace triage::cli
