// triage search: architectures, exits, stages, policies and thresholds found together.
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/options/run_options.h"
#include "apps/triage/program/command.h"
#include "core/files/new_files.h"
#include "core/progress.h"
#include "core/system/machine.h"
#include "core/text.h"
#include "report/draw/gnuplot.h"
#include "report/front.h"
#include "workflow/search/search_run.h"
#include "workflow/study/ablation.h"

namespace triage::cli {
namespace {

std::string kind_of(const search::Genome& genome) {
  const bool cascade = genome.legs.size() > 1, exits = genome.stages() > genome.legs.size();
  return cascade && exits ? "cascade with early exits" : cascade ? "cascade" : exits ? "early exits" : "one net";
}

// "fp32", "int8" or "fp32 and int8".
std::string precisions_of(const search::Genome& genome) {
  std::string text;
  for (const plan::Precision precision : {plan::Precision::fp32, plan::Precision::int8}) {
    if (std::ranges::find(genome.legs, precision, &search::Leg::precision) == genome.legs.end()) continue;
    text += (text.empty() ? "" : " and ") + plan::to_string(precision);
  }
  return text;
}

// Of each net in the order they are asked: "int8 > fp32".
std::string precision_of_nets(const search::Genome& genome) {
  std::string text;
  for (const search::Leg& leg : genome.legs) text += (text.empty() ? "" : " > ") + plan::to_string(leg.precision);
  return text;
}

void draw(const workflow::SearchRun& opened, const search::Front& front, const fs::path& file) {
  report::FrontPicture picture;
  const workflow::ShownAxis axis = workflow::shown(front.axis);
  picture.cost_title = (front.axis == cost::CostAxis::latency ? "predicted " : "") + std::string(axis.title);
  const auto point = [&](const search::FrontPoint& p) {
    return report::FrontPicture::Point{cost::on_axis(p.cost, front.axis) / axis.scale, p.accuracy};
  };
  const bool several = opened.config.options.structures.precisions.size() > 1;
  std::vector<std::string> mixes{""};  // of precisions, as the titles say them
  if (several) mixes = {", fp32", ", int8", ", fp32 and int8"};
  const auto of_mix = [&](const search::FrontPoint& p, const std::string& mix) {
    return !several || ", " + precisions_of(p.genome) == mix;
  };
  for (const std::string& mix : mixes) {
    report::FrontPicture::Series& singles = picture.singles.emplace_back(mix);
    for (const search::FrontPoint& single : front.singles) {
      if (of_mix(single, mix)) singles.points.push_back(point(single));
    }
  }
  for (const search::FrontPoint& broken : front.infeasible) picture.infeasible.push_back(point(broken));
  for (const std::string kind : {"one net", "early exits", "cascade", "cascade with early exits"}) {
    for (const std::string& mix : mixes) {
      report::FrontPicture::Series series{kind + mix, {}};
      for (const search::FrontPoint& plan : front.points) {
        if (kind_of(plan.genome) == kind && of_mix(plan, mix)) series.points.push_back(point(plan));
      }
      if (!series.points.empty()) picture.plans.push_back(std::move(series));
    }
  }
  std::vector<search::CostAccuracy> ceiling;
  for (const search::FrontPoint& plan : front.points) {
    const search::OperatingPoint oracle = opened.evaluator.oracle(plan.genome);
    ceiling.push_back({oracle.cost, oracle.accuracy});
  }
  if (opened.config.hand_picked) {
    report::FrontPicture::Series hand{"the hand-picked pair", {}};
    for (const search::OperatingPoint& thresholds : opened.evaluator.evaluate(*opened.config.hand_picked))
      hand.points.push_back({thresholds.cost / axis.scale, thresholds.accuracy});
    picture.curves.push_back(std::move(hand));
  }
  report::FrontPicture::Series oracle{"the same nets, oracle router", {}};
  for (const search::CostAccuracy& best : search::pareto(ceiling))
    oracle.points.push_back({best.cost / axis.scale, best.accuracy});
  picture.curves.push_back(std::move(oracle));
  report::draw_front(picture, file);
}

search::Front write_front(const workflow::SearchRun& opened, search::JointSearch& search) {
  search::Front front = search.front();
  front.identity = opened.identity();
  NewFiles files(opened.run, "front");
  search::save_front(files.path() / "front.json", front);
  if (!front.points.empty()) draw(opened, front, files.path() / "front.png");
  files.commit();
  return front;
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

std::string note_of(const search::SearchStatus& status, cost::CostAxis axis) {
  return std::format("{} subnets  hypervolume {:.4f}  best {:.2f} % at {:.1f} {}  {:.1f} min", status.subnets,
                     status.hypervolume, 100 * status.best_accuracy, status.best_cost / workflow::shown(axis).scale,
                     workflow::shown(axis).unit, status.minutes);
}

}  // namespace

int search_command(int argc, char** argv) {
  CLI::App app{
      "Searches architectures, exits, stages, policies and thresholds together, under budgets; a search that was "
      "stopped "
      "or killed goes on where it was, and several processes may work on one",
      "triage search"};
  std::string config_file, run, study_location;
  std::vector<std::string> settings;
  bool json = false, ablation = false;
  workflow::AblationRequest request;
  app.add_option("CONFIG", config_file, "configuration (TOML) with a [search]")->required();
  app.add_option("--run", run, "run directory; default: runs/NAME of the configuration")->check(output_directory);
  add_settings_option(app, settings);
  app.add_option("--study", study_location,
                 "where trials are kept: a SQLite file (default: RUN/search.sqlite) or a "
                 "PostgreSQL database, postgresql://USER@HOST/DATABASE")
      ->check([](const std::string& place) {
        return place.starts_with("postgresql://") ? std::string() : output_file(place);
      });
  app.add_flag("--ablation", ablation,
               "instead of a search: it and other ways to plans on the same subnets, held against each other on the "
               "test split");
  app.add_option("--seeds", request.seeds, "of --ablation")->capture_default_str()->check(CLI::Range(1, 100));
  app.add_option("--trials", request.trials, "of each method of --ablation that searches")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--figures", request.figures, "record the figures in this results/*.json")->check(figures_file);
  app.add_option("--picture", request.picture, "with --ablation: a copy of its picture")->check(output_file);
  app.add_flag("--json", json, "front.json on stdout, no progress");
  app.footer("Example: triage search configs/cifar10-search.toml --run runs/cifar10-search");
  if (!parse_arguments(app, argc, argv)) return 0;
  install_stop_handler();
  Progress::set_quiet(json);
  report::require_gnuplot();
  const workflow::SearchConfig config = workflow::load_search_config(config_file, settings);
  const fs::path directory = run_directory(run, config.name);
  workflow::keep_config(directory, config.text, config.origin);
  workflow::SearchRun opened(config, directory);
  request.command = command_line(argc, argv);
  if (ablation) {
    request.json = json;
    workflow::run_ablation(opened, request);
    return 0;
  }
  search::Study study(study_location.empty() ? (directory / "search.sqlite").string() : study_location, config.name,
                      opened.identity());
  opened.score_initial();

  search::JointSearch search(study, opened.evaluator, opened.config.options);
  search::SearchStatus status = search.status();
  {
    Progress progress("search", opened.config.options.max_trials, "trials", status.trials);
    while (!status.done && !stop_requested()) {
      search.run_batch();
      status = search.status();
      progress.update(status.trials, note_of(status, config.axis));
    }
    progress.finish(note_of(status, config.axis));
  }
  const search::Front front = write_front(opened, search);
  if (status.done && !request.figures.empty()) {
    record_figures(request.figures, request.command,
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
