// triage subnets compare: subnets with the supernet's weights against the same nets trained alone for as many epochs.
#include <cstdio>
#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/system/machine.h"
#include "report/draw/gnuplot.h"
#include "report/subnets.h"
#include "workflow/study/compare_alone.h"

namespace triage::cli {

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

  const workflow::OpenSupernet supernet(directory, show_progress(json));
  const workflow::LabelledSplit test(supernet, "test"), validation(supernet, "validation");
  const std::vector<workflow::AloneNet> nets = workflow::collect_alone(supernet, test, validation, sources);
  if (!record.empty()) workflow::write_record(record, nets);
  const std::vector<workflow::SubnetPair> pairs = workflow::compare_alone(supernet, test, validation, nets);
  if (pairs.empty() && !sources.empty()) fail("{}: expected nets trained alone in the runs, found none", directory);
  const family::ArchSpec largest = supernet.space()->largest();
  std::map<std::string, Figure> measured =
      workflow::gap_figures(largest, test.ask(*supernet.cutter().cut(largest)), pairs);
  if (measured.contains("subnets.mean_gap_points") && !measured.contains("subnets.kendall_tau"))
    std::fprintf(stderr, "subnets.kendall_tau is left out: fewer than two subnets, or all equally accurate\n");
  if (!without_exits.empty() && pairs.empty()) throw UsageError("--without-exits: expected --alone beside it");
  if (!without_exits.empty())
    measured["exits.last_exit_gap_points"] = workflow::exits_gap(supernet, pairs, without_exits);
  if (const auto minutes = workflow::step_minutes(supernet.directory, "train supernet"))
    measured["train.minutes"] = {.value = *minutes, .unit = "min"};

  Json results = {{"subnets", Json::array()}, {"figures", Json::object()}};
  for (const workflow::SubnetPair& pair : pairs) {
    results["subnets"].push_back({{"arch", pair.arch.text()},
                                  {"macs", pair.macs},
                                  {"alone", workflow::share(pair.alone)},
                                  {"inherited", workflow::share(pair.inherited)},
                                  {"alone_validation", pair.alone_validation},
                                  {"inherited_validation", pair.inherited_validation},
                                  {"origin", pair.origin}});
  }
  for (const auto& [key, figure] : measured) results["figures"][key] = figure.value;
  if (!figures_file.empty()) {
    std::map<std::string, Figure> of_family;
    for (const auto& [key, figure] : measured) of_family[supernet.space().figure_prefix() + key] = figure;
    record_figures(figures_file, command, of_family);
  }
  if (!picture.empty()) {
    report::SubnetPicture drawn;
    for (const search::SubnetAnswers& subnet : workflow::open_store(supernet, {.split = "validation"}).list()) {
      drawn.sampled.push_back({static_cast<double>(subnet.macs), subnet.accuracy.back()});
    }
    for (const workflow::SubnetPair& pair : pairs) {
      drawn.pairs.push_back({static_cast<double>(pair.macs), pair.alone_validation, pair.inherited_validation});
    }
    report::draw_subnets(drawn, picture);
  }
  if (json) {
    std::cout << dump_json(results, 2) << '\n';
    return 0;
  }
  std::printf("%-44s %8s %10s %10s %7s   test images\n", "subnet", "MMAC", "alone", "inherited", "lost");
  for (const workflow::SubnetPair& pair : pairs) {
    const double alone = 100 * workflow::share(pair.alone), inherited = 100 * workflow::share(pair.inherited);
    std::printf("%-44s %8.2f %9.2f%% %9.2f%% %7.2f\n", pair.arch.text().c_str(), static_cast<double>(pair.macs) / 1e6,
                alone, inherited, alone - inherited);
  }
  for (const auto& [key, figure] : measured)
    std::printf("%-28s %.3f %s\n", key.c_str(), figure.value, figure.unit.c_str());
  return 0;
}

}  // namespace triage::cli
