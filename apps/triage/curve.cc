// triage curve: the measured curve of a plan, for controllers and audits.
#include <cstdio>
#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/system/limits.h"
#include "evaluate/operation.h"
#include "route/plan_curve.h"
#include "runtime/control/curve_file.h"
#include "workflow/config/plan_data.h"

namespace triage::cli {
namespace {

void print_point(const OperatingPoint& point, const char* mark) {
  std::printf("%9.2f %% %10.1f us ", 100 * point.accuracy, point.mean_latency_us);
  for (const double share : point.exit_share) std::printf(" %6.1f %%", 100 * share);
  for (const double agreement : point.agreement) std::printf(" %8.2f %%", 100 * agreement);
  for (const double threshold : point.thresholds) std::printf(" %9.5f", threshold);
  std::printf("%s\n", mark);
}

void print_curve(const PlanCurve& curve) {
  std::printf("%zu images of the split %s, metric %s\n", curve.images, curve.split.c_str(), curve.metric.c_str());
  std::printf("accuracy, mean latency, share that leaves at each exit, agreement of early leavers, thresholds\n");
  for (const OperatingPoint& point : curve.points) print_point(point, "");
  print_point(curve.plan, "  the plan's own");
}

}  // namespace

int curve_command(int argc, char** argv) {
  CLI::App app{"Measures what a plan answers and costs at thresholds other than its own: curve.json, beside plan.json"};
  std::string directory, data, out, split = "validation", metric;
  route::PlanCurveOptions options;
  int threads = 0;
  bool json = false;
  app.add_option("PLAN", directory, "plan directory (plan.json and its stages)")->required();
  app.add_option("--data", data, "imported data set (triage data import); default: that of the run's config.toml");
  app.add_option("--split", split, "which images: those that the plan's thresholds were chosen on, or test")
      ->check(CLI::IsMember({"validation", "test"}))
      ->capture_default_str();
  app.add_option("--metric", metric,
                 "what accuracy means: accuracy or balanced; default: what the plan's point was chosen by")
      ->check(CLI::IsMember({"accuracy", "balanced"}));
  app.add_option("--points", options.points, "of the curve, at most")
      ->check(CLI::Range(std::size_t{2}, runtime::kMaxCurvePoints))
      ->capture_default_str();
  app.add_option("--out", out, "write it here instead of PLAN/curve.json")->check(output_file);
  app.add_option("--threads", threads, "for scoring; 0: all cores")->check(CLI::Range(0, 1024))->capture_default_str();
  app.add_flag("--json", json, "the curve on stdout instead of the table");
  app.footer("Example: triage curve zoo/cifar10-pair --data data/cifar10.tds");
  if (!parse_arguments(app, argc, argv)) return 0;

  const plan::Plan plan = plan::load_plan(directory);
  const fs::path file = out.empty() ? fs::path(directory) / runtime::kCurveFile : fs::path(out);
  require_output_file(file);
  const data::Dataset dataset = data::Dataset::open(workflow::data_of_plan(directory, data));
  options.split = split;
  options.metric = metric.empty() ? (plan.predicted ? plan.predicted->metric : plan::Metric::accuracy)
                                  : plan::metric_from_string(metric, "--metric");
  const std::vector<std::uint32_t> images =
      split == "test" ? evaluate::test_indices(dataset) : workflow::split_of_plan(directory, split, dataset);
  const Context context = show_progress(json);
  const route::ScoreTable table = route::score_plan(plan, directory, dataset, images, {}, thread_count(threads),
                                                    {.label = split + " images", .context = context});
  const PlanCurve curve = route::plan_curve(plan, table, options);
  const data::DatasetInfo& info = dataset.info();
  runtime::save_curve(file, curve, plan, {{"name", info.name}, {"sha256", info.sha256}});
  if (json) {
    std::cout << dump_json(runtime::to_json(curve, plan, Json::object()), 2) << '\n';
  } else {
    print_curve(curve);
  }
  return 0;
}

}  // namespace triage::cli
