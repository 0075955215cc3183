// triage eval: a plan on a data set's test split.
#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "evaluate/evaluate.h"
#include "workflow/config/plan_data.h"

namespace triage::cli {
namespace {

std::map<std::string, Figure> named_figures(const results::Results& results, const std::string& name, double max_mmac) {
  std::map<std::string, Figure> figures = evaluate::plan_figures(results, name);
  if (max_mmac == 0) return figures;
  const double mmac = figures.at(name + ".mean_mmac").value;
  if (mmac > max_mmac) fail("--max-mmac: expected a plan of at most {} MMAC in the mean, found {:.2f}", max_mmac, mmac);
  figures[std::format("{}.accuracy_at_{}_mmac", name, max_mmac)] = figures.at(name + ".accuracy");
  return figures;
}

}  // namespace

int eval_command(int argc, char** argv) {
  evaluate::EvaluateOptions options;
  std::string data, out, record, name, metric;
  double max_mmac = 0;
  bool no_latency = false, accuracy_only = false, json = false;
  CLI::App app{"Accuracy, latency, calibration and routing of a plan on the test split", "triage eval"};
  app.add_option("PLAN", options.plan, "plan directory (plan.json and its stages)")->required();
  app.add_option("--data", data, "imported data set (triage data import); default: that of the run's config.toml");
  app.add_option("--shift", options.shift, "a second data set: the same classes under distribution shift");
  app.add_option("--split", options.split,
                 "which images: test, or, marked in every output, a split that the plan was made with: validation "
                 "(thresholds were chosen on it) or route (routers were trained on it)")
      ->check(CLI::IsMember({"test", "validation", "route"}))
      ->capture_default_str();
  app.add_option(
         "--metric", metric,
         "what accuracy means in the policies' curves: accuracy or balanced; default: what the plan's point was "
         "chosen by")
      ->check(CLI::IsMember({"accuracy", "balanced"}));
  app.add_option("--out", out, "write results.json here")->check(output_file);
  app.add_option("--scores", options.scores, "keep the networks' answers in this file and take them from it next time")
      ->check(output_file);
  app.add_flag("--no-latency", no_latency, "do not run the plan image by image to measure its latency");
  app.add_option("--latency-images", options.real_run.images, "images in the measured run")
      ->check(CLI::Range(1u, 10'000'000u))
      ->capture_default_str();
  add_engine_option(app, options.real_run.engine);
  app.add_option("--figures", record, "record the figures in this results/*.json")->check(figures_file);
  auto* as = app.add_option("--as", name, "with --figures: record the plan's own figures under this name instead");
  app.add_option("--max-mmac", max_mmac,
                 "with --as: the plan must need at most so many million multiply-adds in the mean, and its accuracy "
                 "is recorded as NAME.accuracy_at_N_mmac")
      ->needs(as)
      ->check(CLI::PositiveNumber);
  app.add_flag("--accuracy-only", accuracy_only, "with --figures: record only the stages' accuracies");
  app.add_option("--threads", options.threads, "for scoring, never for latency; 0: all cores")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--seed", options.comparison.seed, "of the random policy and the bootstrap")->capture_default_str();
  app.add_flag("--json", json, "results.json on stdout instead of the table");
  app.footer("Example: triage eval zoo/cifar10-pair --data data/cifar10.tds --out results.json");
  if (!parse_arguments(app, argc, argv)) return 0;
  const bool test = options.split == "test";
  if (!test && !record.empty())
    throw UsageError("--figures: expected figures of the test split, found --split " + options.split);
  if (!test) {
    options.indices = [plan = options.plan, split = options.split](const data::Dataset& dataset) {
      return workflow::split_of_plan(plan, split, dataset);
    };
  }
  options.data = workflow::data_of_plan(options.plan, data);
  if (!metric.empty()) options.metric = plan::metric_from_string(metric, "--metric");
  options.context = show_progress(json);
  options.latency = !no_latency;
  options.real_run.seed = options.comparison.seed;
  options.command = command_line(argc, argv);

  const results::Results results = evaluate::evaluate_plan(options);
  if (results.test.latency) say_engine_note(results.test.latency->engine_note);
  if (!out.empty()) results::save_results(out, results);
  if (!record.empty()) {
    record_figures(record, options.command,
                   name.empty() ? evaluate::figures(results, !accuracy_only) : named_figures(results, name, max_mmac));
  }
  if (json) {
    std::cout << dump_json(to_json(results), 2) << '\n';
  } else {
    std::cout << evaluate::readable(results);
  }
  return 0;
}

}  // namespace triage::cli
