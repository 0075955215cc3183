// triage subnets compare: subnets with the supernet's weights against the same nets trained alone for as many epochs.
#include <cmath>
#include <cstdio>
#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "core/progress.h"
#include "core/statistics/statistics.h"
#include "core/system/machine.h"
#include "report/draw/gnuplot.h"
#include "report/subnets.h"
#include "workflow/study/alone.h"

namespace triage::cli {
namespace {

constexpr int kBootstrapRounds = 2000;

struct Pair {  // of one subnet
  plan::ArchSpec arch;
  std::int64_t macs = 0;
  std::string origin;                                     // where the net trained alone comes from
  workflow::Right alone, inherited;                       // test images
  double alone_validation = 0, inherited_validation = 0;  // for the picture, beside other subnets' validation accuracy
};

// Mean points lost against training alone, with a bootstrap over images.
Figure gap(std::span<const Pair> pairs) {
  const std::size_t images = pairs.front().alone.size();
  std::vector<double> lost(images, 0);
  for (const Pair& pair : pairs) {
    for (std::size_t i = 0; i < images; ++i) {
      lost[i] += 100.0 * (pair.alone[i] - pair.inherited[i]) / static_cast<double>(pairs.size());
    }
  }
  const auto mean = [&](std::span<const std::uint32_t> indices) {
    double sum = 0;
    for (const std::uint32_t i : indices) sum += lost[i];
    return sum / static_cast<double>(indices.size());
  };
  std::vector<std::uint32_t> all(images);
  for (std::uint32_t i = 0; i < images; ++i) all[i] = i;
  return {.value = mean(all),
          .unit = "points",
          .interval = bootstrap_interval(images, mean, kBootstrapRounds, /*seed=*/1),
          .n = static_cast<int>(pairs.size())};
}

// Every net once: of two with the same architecture the one named first.
std::vector<workflow::AloneNet> collect(const workflow::OpenSupernet& supernet, const workflow::LabelledSplit& test,
                                        const workflow::LabelledSplit& validation,
                                        const std::vector<std::string>& sources) {
  std::vector<workflow::AloneNet> nets;
  for (const std::string& source : sources) {
    for (workflow::AloneNet& net : workflow::alone_nets(supernet, test, validation, source)) {
      if (std::ranges::find(nets, net.arch, &workflow::AloneNet::arch) == nets.end()) nets.push_back(std::move(net));
    }
  }
  return nets;
}

std::vector<Pair> compare(const workflow::OpenSupernet& supernet, const workflow::LabelledSplit& test,
                          const workflow::LabelledSplit& validation, std::span<const workflow::AloneNet> nets) {
  const train::SubnetCutter cutter = supernet.cutter();
  std::vector<Pair> pairs;
  for (const workflow::AloneNet& net : nets) {
    supernet::Network cut = cutter.cut(net.arch);
    pairs.push_back({.arch = net.arch,
                     .macs = plan::arch_cost(net.arch, cut->input(), cut->classes()).macs,
                     .origin = net.origin,
                     .alone = net.test,
                     .inherited = test.ask(cut),
                     .alone_validation = net.validation,
                     .inherited_validation = workflow::share(validation.ask(cut))});
  }
  return pairs;
}

// Points that the last exit loses by training the others beside it: of the subnets compared, in this supernet against
// one that has no other exits and is otherwise trained alike.
Figure exits_gap(const workflow::OpenSupernet& supernet, std::span<const Pair> pairs, const fs::path& without) {
  const workflow::OpenSupernet plain(without);
  Json expected = supernet.trained.identity, found = plain.trained.identity;
  for (Json* identity : {&expected, &found}) (*identity)["supernet"].erase("exits");
  if (expected != found || !plain.trained.network->options().exits.empty()) {
    fail("{}: expected a supernet trained as {} but without exits, found {}", plain.file.string(),
         supernet.file.string(), plain.trained.identity.dump());
  }
  const workflow::LabelledSplit test(plain, "test");
  const train::SubnetCutter cutter = plain.cutter();
  std::vector<Pair> against(pairs.begin(), pairs.end());
  for (Pair& pair : against) {
    supernet::Network cut = cutter.cut(pair.arch);
    pair.alone = test.ask(cut);
  }
  return gap(against);
}

Figure accuracy_figure(const workflow::Right& right) {
  const auto count = static_cast<std::size_t>(std::ranges::count(right, 1));
  const Interval interval = proportion_interval(count, right.size());
  return {.value = 100 * workflow::share(right),
          .unit = "%",
          .interval = Interval{100 * interval.low, 100 * interval.high},
          .n = static_cast<int>(right.size())};
}

std::map<std::string, Figure> figures(const workflow::OpenSupernet& supernet, const workflow::LabelledSplit& test,
                                      std::span<const Pair> pairs) {
  supernet::Network largest = supernet.cutter().cut(supernet.space().largest());
  std::map<std::string, Figure> result{{"largest.accuracy", accuracy_figure(test.ask(largest))}};
  std::vector<Pair> others;
  std::vector<double> alone, inherited;
  for (const Pair& pair : pairs) {
    if (pair.arch == supernet.space().largest()) {
      result["largest.gap_points"] = gap({&pair, 1});
      result["largest.accuracy_alone"] = {.value = 100 * workflow::share(pair.alone), .unit = "%"};
    } else {
      others.push_back(pair);
      alone.push_back(workflow::share(pair.alone));
      inherited.push_back(workflow::share(pair.inherited));
    }
  }
  if (others.empty()) return result;
  result["subnets.mean_gap_points"] = gap(others);
  const double tau = kendall_tau(alone, inherited);
  if (std::isfinite(tau)) {
    result["subnets.kendall_tau"] = {.value = tau, .unit = "1", .n = static_cast<int>(others.size())};
  } else {
    std::fprintf(stderr, "subnets.kendall_tau is left out: fewer than two subnets, or all equally accurate\n");
  }
  return result;
}

}  // namespace

int subnets_compare(int argc, char** argv) {
  CLI::App app{"The supernet's subnets against the same nets trained alone: gaps, rank agreement, a picture",
               "triage subnets compare"};
  std::string directory, without_exits, record, figures_file, picture, command = "triage subnets";
  std::vector<std::string> sources;
  bool json = false;
  app.add_option("DIR", directory, "run or zoo directory of the supernet")->required();
  app.add_option("--alone", sources, "run whose stages are subnets trained alone, or a record; may be repeated");
  app.add_option("--record", record, "JSON file that keeps what those nets answered, for a later --alone")
      ->check(output_file);
  app.add_option("--without-exits", without_exits, "run of the same supernet trained without exits");
  app.add_option("--figures", figures_file, "record the figures in this results/*.json")->check(cli::figures_file);
  app.add_option("--picture", picture, "PNG: accuracy against MACs, with all subnets of DIR/subnets_validation.sqlite")
      ->check(output_file);
  app.add_flag("--json", json, "JSON on stdout");
  app.footer("Example: triage subnets compare runs/cifar10-supernet --alone runs/cifar10-supernet-alone");
  if (!parse_arguments(app, argc, argv)) return 0;
  if (!picture.empty()) report::require_gnuplot();
  for (int i = 0; i < argc; ++i) command += std::string(" ") + argv[i];

  const workflow::OpenSupernet supernet{fs::path(directory)};
  const workflow::LabelledSplit test(supernet, "test"), validation(supernet, "validation");
  const std::vector<workflow::AloneNet> nets = collect(supernet, test, validation, sources);
  if (!record.empty()) workflow::write_record(record, nets);
  const std::vector<Pair> pairs = compare(supernet, test, validation, nets);
  if (pairs.empty() && !sources.empty()) fail("{}: expected nets trained alone in the runs, found none", directory);
  std::map<std::string, Figure> measured = figures(supernet, test, pairs);
  if (!without_exits.empty() && pairs.empty()) throw UsageError("--without-exits: expected --alone beside it");
  if (!without_exits.empty()) measured["exits.last_exit_gap_points"] = exits_gap(supernet, pairs, without_exits);
  if (const auto minutes = workflow::step_minutes(supernet.directory, "train supernet"))
    measured["train.minutes"] = {.value = *minutes, .unit = "min"};

  Json results = {{"subnets", Json::array()}, {"figures", Json::object()}};
  for (const Pair& pair : pairs) {
    results["subnets"].push_back({{"arch", pair.arch.text()},
                                  {"macs", pair.macs},
                                  {"alone", workflow::share(pair.alone)},
                                  {"inherited", workflow::share(pair.inherited)},
                                  {"alone_validation", pair.alone_validation},
                                  {"inherited_validation", pair.inherited_validation},
                                  {"origin", pair.origin}});
  }
  for (const auto& [key, figure] : measured) results["figures"][key] = figure.value;
  if (!figures_file.empty()) record_figures(figures_file, command, measured);
  if (!picture.empty()) {
    report::SubnetPicture drawn;
    for (const search::SubnetAnswers& subnet : workflow::open_store(supernet, "validation").list()) {
      drawn.sampled.push_back({static_cast<double>(subnet.macs), subnet.accuracy.back()});
    }
    for (const Pair& pair : pairs) {
      drawn.pairs.push_back({static_cast<double>(pair.macs), pair.alone_validation, pair.inherited_validation});
    }
    report::draw_subnets(drawn, picture);
  }
  if (json) {
    std::cout << dump_json(results, 2) << '\n';
    return 0;
  }
  std::printf("%-44s %8s %10s %10s %7s   test images\n", "subnet", "MMAC", "alone", "inherited", "lost");
  for (const Pair& pair : pairs) {
    const double alone = 100 * workflow::share(pair.alone), inherited = 100 * workflow::share(pair.inherited);
    std::printf("%-44s %8.2f %9.2f%% %9.2f%% %7.2f\n", pair.arch.text().c_str(), static_cast<double>(pair.macs) / 1e6,
                alone, inherited, alone - inherited);
  }
  for (const auto& [key, figure] : measured)
    std::printf("%-28s %.3f %s\n", key.c_str(), figure.value, figure.unit.c_str());
  return 0;
}

}  // namespace triage::cli
