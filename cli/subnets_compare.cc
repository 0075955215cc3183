// triage subnets compare: subnets with the supernet's weights against the same nets trained alone for as many epochs.
#include <cmath>
#include <cstdio>
#include <iostream>

#include "cli/command.h"
#include "cli/subnets.h"
#include "core/machine.h"
#include "core/progress.h"
#include "core/statistics.h"
#include "report/subnets.h"

namespace triage::cli {
namespace {

constexpr int kBootstrapRounds = 2000;

// Which images of a split the last exit labels right.
using Right = std::vector<char>;

struct Split {
  std::vector<std::uint8_t> labels;
  train::ImageBatches images;
};

Right ask(supernet::Network& network, const Split& split) {
  const train::ExitAnswers answers = train::ask_exits(network, split.images, split.labels);
  return {answers.right.end() - static_cast<std::ptrdiff_t>(split.labels.size()), answers.right.end()};
}

double accuracy(const Right& right) {
  return static_cast<double>(std::ranges::count(right, 1)) / static_cast<double>(right.size());
}

struct Pair {  // of one subnet
  plan::ArchSpec arch;
  std::int64_t macs = 0;
  std::string origin;                                     // where the net trained alone comes from
  Right alone, inherited;                                 // test images
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

// The stages of `run` that are comparable: of the space, trained from labels, for the same epochs. Others are named.
std::vector<const StageConfig*> comparable(const RunConfig& config, const OpenSupernet& supernet) {
  const int epochs = supernet.trained.identity.at("options").at("epochs").get<int>();
  std::vector<const StageConfig*> stages;
  for (const StageConfig& stage : config.stages) {
    std::string reason;
    try {
      supernet.space().check(stage.space.largest());
    } catch (const Error&) {
      reason = "it is not in the space";
    }
    if (!stage.teacher.empty() || !stage.from.empty()) reason = "it did not learn from labels alone";
    if (stage.train.epochs != epochs) reason = std::format("it has {} epochs, not {}", stage.train.epochs, epochs);
    if (stage.train.residual != supernet.trained.network->options().residual)
      reason = "it and the supernet are not both residual";
    if (reason.empty())
      stages.push_back(&stage);
    else
      std::fprintf(stderr, "%s: stage '%s' is left out: %s\n", config.origin.c_str(), stage.name.c_str(),
                   reason.c_str());
  }
  return stages;
}

Split split_of(const OpenSupernet& supernet, const std::string& name) {
  const data::Dataset& dataset = supernet.workspace.dataset;
  const std::vector<std::uint32_t>& indices = supernet.split(name);
  return {labels_of(dataset, indices), {dataset, indices, supernet.trained.normalization, *supernet.trained.network}};
}

std::vector<Pair> compare(const OpenSupernet& supernet, const std::vector<std::string>& runs) {
  const Workspace& w = supernet.workspace;
  const Split test = split_of(supernet, "test"), validation = split_of(supernet, "validation");
  const train::SubnetCutter cutter = supernet.cutter();
  std::vector<Pair> pairs;
  for (const std::string& run : runs) {
    const RunConfig config = run_config_of(run);
    for (const StageConfig* stage : comparable(config, supernet)) {
      const fs::path file = fs::path(run) / (stage->name + ".pt");
      train::NetworkFile alone = train::load_network(file, w.config.precision);
      train::require_same_images(supernet.trained.identity, alone.identity,
                                 file.string() + ": trained on other images than " + supernet.file.string());
      Pair pair{.arch = stage->space.largest(), .origin = file.string()};
      pair.macs = plan::arch_cost(pair.arch, alone.network->input(), alone.network->classes()).macs;
      supernet::Network cut = cutter.cut(pair.arch);
      pair.alone = ask(alone.network, test);
      pair.inherited = ask(cut, test);
      pair.alone_validation = accuracy(ask(alone.network, validation));
      pair.inherited_validation = accuracy(ask(cut, validation));
      pairs.push_back(std::move(pair));
    }
  }
  return pairs;
}

// Points that the last exit loses by training the others beside it: of the subnets compared, in this supernet against
// one that has no other exits and is otherwise trained alike.
Figure exits_gap(const OpenSupernet& supernet, std::span<const Pair> pairs, const fs::path& without) {
  const OpenSupernet plain(without);
  Json expected = supernet.trained.identity, found = plain.trained.identity;
  for (Json* identity : {&expected, &found}) (*identity)["supernet"].erase("exits");
  if (expected != found || !plain.trained.network->options().exits.empty()) {
    fail("{}: expected a supernet trained as {} but without exits, found {}", plain.file.string(),
         supernet.file.string(), plain.trained.identity.dump());
  }
  const Split test = split_of(plain, "test");
  const train::SubnetCutter cutter = plain.cutter();
  std::vector<Pair> against(pairs.begin(), pairs.end());
  for (Pair& pair : against) {
    supernet::Network cut = cutter.cut(pair.arch);
    pair.alone = ask(cut, test);
  }
  return gap(against);
}

std::map<std::string, Figure> figures(const OpenSupernet& supernet, std::span<const Pair> pairs) {
  std::map<std::string, Figure> result;
  std::vector<Pair> others;
  std::vector<double> alone, inherited;
  for (const Pair& pair : pairs) {
    if (pair.arch == supernet.space().largest()) {
      result["largest.gap_points"] = gap({&pair, 1});
      const auto right = static_cast<std::size_t>(std::ranges::count(pair.inherited, 1));
      const Interval interval = proportion_interval(right, pair.inherited.size());
      result["largest.accuracy"] = {.value = 100 * accuracy(pair.inherited),
                                    .unit = "%",
                                    .interval = Interval{100 * interval.low, 100 * interval.high},
                                    .n = static_cast<int>(pair.inherited.size())};
      result["largest.accuracy_alone"] = {.value = 100 * accuracy(pair.alone), .unit = "%"};
    } else {
      others.push_back(pair);
      alone.push_back(accuracy(pair.alone));
      inherited.push_back(accuracy(pair.inherited));
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
  std::string directory, without_exits, figures_file, picture, command = "triage subnets";
  std::vector<std::string> runs;
  bool json = false;
  app.add_option("DIR", directory, "run or zoo directory of the supernet")->required();
  app.add_option("--alone", runs, "run whose stages are subnets trained alone; may be repeated")->required();
  app.add_option("--without-exits", without_exits, "run of the same supernet trained without exits");
  app.add_option("--figures", figures_file, "record the figures in this results/*.json");
  app.add_option("--picture", picture, "PNG: accuracy against MACs, with all subnets of DIR/subnets_validation.sqlite");
  app.add_flag("--json", json, "JSON on stdout");
  app.footer(
      "Example: triage subnets compare runs/cifar10-supernet --alone runs/cifar10-pair --alone runs/cifar10-alone");
  if (!parse_arguments(app, argc, argv)) return 0;
  for (int i = 0; i < argc; ++i) command += std::string(" ") + argv[i];

  const OpenSupernet supernet{fs::path(directory)};
  const std::vector<Pair> pairs = compare(supernet, runs);
  if (pairs.empty()) fail("{}: expected nets trained alone in the runs, found none", directory);
  std::map<std::string, Figure> measured = figures(supernet, pairs);
  if (!without_exits.empty()) measured["exits.last_exit_gap_points"] = exits_gap(supernet, pairs, without_exits);
  if (const auto minutes = step_minutes(supernet.directory, "train supernet"))
    measured["train.minutes"] = {.value = *minutes, .unit = "min"};

  Json results = {{"subnets", Json::array()}, {"figures", Json::object()}};
  for (const Pair& pair : pairs) {
    results["subnets"].push_back({{"arch", pair.arch.text()},
                                  {"macs", pair.macs},
                                  {"alone", accuracy(pair.alone)},
                                  {"inherited", accuracy(pair.inherited)},
                                  {"alone_validation", pair.alone_validation},
                                  {"inherited_validation", pair.inherited_validation},
                                  {"origin", pair.origin}});
  }
  for (const auto& [key, figure] : measured) results["figures"][key] = figure.value;
  if (!figures_file.empty()) record_figures(figures_file, command, measured);
  if (!picture.empty()) {
    report::SubnetPicture drawn;
    for (const search::SubnetAnswers& subnet : open_store(supernet, "validation").list()) {
      drawn.sampled.push_back({static_cast<double>(subnet.macs), subnet.accuracy.back()});
    }
    for (const Pair& pair : pairs) {
      drawn.pairs.push_back({static_cast<double>(pair.macs), pair.alone_validation, pair.inherited_validation});
    }
    report::draw_subnets(drawn, picture);
  }
  if (json) {
    std::cout << results.dump(2) << '\n';
    return 0;
  }
  std::printf("%-44s %8s %10s %10s %7s   test images\n", "subnet", "MMAC", "alone", "inherited", "lost");
  for (const Pair& pair : pairs) {
    const double alone = 100 * accuracy(pair.alone), inherited = 100 * accuracy(pair.inherited);
    std::printf("%-44s %8.2f %9.2f%% %9.2f%% %7.2f\n", pair.arch.text().c_str(), static_cast<double>(pair.macs) / 1e6,
                alone, inherited, alone - inherited);
  }
  for (const auto& [key, figure] : measured)
    std::printf("%-28s %.3f %s\n", key.c_str(), figure.value, figure.unit.c_str());
  return 0;
}

}  // namespace triage::cli
