// triage compare: two plans on the same test images.
#include "evaluate/compare/compare.h"

#include <format>
#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/text.h"
#include "engine/names.h"
#include "workflow/config/plan_data.h"

namespace triage::cli {

int compare_command(int argc, char** argv) {
  CLI::App app{"Two plans side by side on the test split: accuracies by paired tests, mean latencies measured in turns",
               "triage compare"};
  evaluate::CompareOptions options;
  std::string data, figures, name, key;
  bool no_latency = false, json = false;
  app.add_option("PLAN", options.plan.plan, "plan directory")->required();
  app.add_option("OTHER", options.other.plan, "plan directory it is held against")->required();
  const auto side = [&](evaluate::CompareSide& of, const std::string& prefix, const std::string& whose) {
    app.add_option("--" + prefix + "stage", of.stage, "this image stage of " + whose + " alone, without routing");
    app.add_option("--" + prefix + "engine", of.engine, "that runs " + whose + ": " + joined(engine::kEngineChoices))
        ->check(CLI::IsMember(engine::kEngineChoices))
        ->capture_default_str();
  };
  side(options.plan, "", "PLAN");
  side(options.other, "other-", "OTHER");
  app.add_option("--data", data, "imported data set (triage data import); default: that of PLAN's config.toml");
  app.add_flag("--no-latency", no_latency, "do not run the plans image by image");
  app.add_option("--latency-images", options.real_run.images, "images in the measured runs")
      ->check(CLI::Range(1u, 10'000'000u))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "for scoring, never for latency; 0: all cores")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  auto* const as = app.add_option("--as", name, "with --figures: what the figures are called, NAME.plan_speedup, ...");
  auto* const speedup = app.add_option("--speedup-as", key,
                                       "with --figures, instead: the speed-up under this key, the points beside it "
                                       "as KEY_points")
                            ->excludes(as);
  app.add_option("--figures", figures, "record the figures in this results/*.json")->check(figures_file);
  app.add_flag("--json", json, "JSON on stdout");
  app.footer(
      std::format("Example: triage compare runs/int8/plan zoo/cifar10-pair --data data/cifar10.tds --other-stage big "
                  "--other-engine {}",
                  engine::kOnnxRuntime));
  if (!parse_arguments(app, argc, argv)) return 0;
  if (!figures.empty() && as->empty() && speedup->empty())
    throw UsageError("--figures: expected --as NAME or --speedup-as KEY as well");
  options.data = workflow::data_of_plan(options.plan.plan, data);
  options.context = show_progress(json);
  options.latency = !no_latency;
  const std::string command = command_line(argc, argv);
  const results::PlanComparison comparison = evaluate::compare_plans(options);
  for (const results::ComparedPlan& plan : comparison.plans) {
    if (plan.run) say_engine_note(plan.run->engine_note);
  }
  if (!figures.empty()) {
    auto of_both = evaluate::comparison_figures(comparison, name);
    if (!key.empty()) of_both = {{key, of_both.at(".plan_speedup")}, {key + "_points", of_both.at(".plan_points")}};
    record_figures(figures, command, of_both);
  }
  if (json) {
    std::cout << dump_json(to_json(comparison), 2) << '\n';
  } else {
    std::cout << evaluate::readable_comparison(comparison);
  }
  return 0;
}

}  // namespace triage::cli
