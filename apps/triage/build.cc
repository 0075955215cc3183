// triage build: trained networks -> plan.
#include <iostream>

#include "apps/triage/options/energy_options.h"
#include "apps/triage/options/target_options.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "workflow/build/build_run.h"

namespace triage::cli {

int build_command(int argc, char** argv) {
  CLI::App app{"Turns the trained networks of a run into a plan: ONNX files, routers, thresholds, measured costs",
               "triage build"};
  std::string run, policy, metric, precision;
  TargetOptions target_options;
  bool json = false;
  workflow::BuildRequest request;
  app.add_option("RUN", run, "run directory of triage train or triage search")->required();
  target_options.add_options(app);
  app.add_option(
      "--policy", policy,
      "learned, confidence, entropy, margin, agreement, or auto: the one that wins on the route split; default: the "
      "configuration's");
  app.add_option("--metric", metric,
                 "what accuracy means where the point is chosen: accuracy (of all images) or balanced (the mean of the "
                 "classes' recalls); default: the configuration's")
      ->check(CLI::IsMember({"accuracy", "balanced"}));
  app.add_option("--precision", precision, "of all stages of a run's plan; default: the configuration's")
      ->check(CLI::IsMember({"fp32", "int8"}));
  app.add_option("--threads", request.threads, "of the engine, for the measured costs")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.add_option("--max-mmac", request.max_mmac, "at most so many million multiply-adds in the mean")
      ->check(CLI::PositiveNumber);
  app.add_flag("--remeasure", request.remeasure, "measure latencies and energy again");
  add_energy_options(app, request.energy);
  app.add_flag("--json", json, "the plan as JSON on stdout");
  app.footer("Example: triage build runs/cifar10-pair --latency 250us");
  if (!parse_arguments(app, argc, argv)) return 0;
  const Context context = stoppable(json);
  if (const workflow::BuildTarget target = target_options.target(); target_options.given()) request.target = target;
  if (!policy.empty()) request.policy = workflow::policy_or_auto(policy, "--policy");
  if (!metric.empty()) request.metric = plan::metric_from_string(metric, "--metric");
  if (!precision.empty()) request.precision = plan::precision_from_string(precision, "--precision");
  const plan::Plan plan = workflow::build_run(run, request, context);
  if (json) {
    std::cout << dump_json(to_json(plan), 2) << '\n';
    return 0;
  }
  for (const plan::Stage& stage : plan.stages) {
    std::printf("%-10s %-28s %s %7.2f MMAC %8.1f us", stage.name.c_str(),
                stage.arch.blocks.empty() ? "imported" : stage.arch.text().c_str(),
                plan::to_string(stage.precision).c_str(), static_cast<double>(stage.macs) / 1e6,
                stage.cost ? stage.cost->latency_us.mean : 0.0);
    if (stage.cost && stage.cost->energy_uj) std::printf(" %8.1f uJ", *stage.cost->energy_uj);
    if (&stage != &plan.stages.back())
      std::printf("  goes on above %s %.4f", plan::to_string(plan.policy).c_str(), stage.exit.threshold);
    std::printf("\n");
  }
  if (plan.predicted) {
    std::printf("promised on the validation split: %.2f %%%s at %.1f us mean\n", 100 * plan.predicted->accuracy,
                plan.predicted->metric == plan::Metric::balanced ? " balanced accuracy" : "",
                plan.predicted->mean_latency_us);
  }
  std::printf("plan: %s\n", (fs::path(run) / "plan").c_str());
  return 0;
}

}  // namespace triage::cli
