#include "workflow/run/run.h"

#include "evaluate/evaluate.h"
#include "evaluate/operation.h"
#include "report/report.h"
#include "workflow/build/plan_source.h"
#include "workflow/run/processes.h"

namespace triage::workflow {
namespace {

void train_all(const Workspace& workspace) {
  make_imports_once(workspace);
  train_supernet(workspace);
  train_stages(workspace);
}

void build_trained(const Workspace& workspace) {
  const RunConfig& config = workspace.config;
  build_plan(workspace, trained_stages(workspace),
             {.policy = config.policy,
              .answers_together = config.answers_together,
              .single_net = config.single_net,
              .target = config.target,
              .metric = config.metric,
              .budgets = config.budgets});
}

results::Results evaluate_run(const Workspace& workspace, const std::string& command) {
  const StepTimer timer(workspace.run, "eval");
  evaluate::EvaluateOptions options;
  options.plan = workspace.run / "plan";
  options.data = workspace.config.data;
  if (!workspace.config.shift.empty() && fs::exists(workspace.config.shift)) options.shift = workspace.config.shift;
  options.scores = workspace.run / "scores" / "test.bin";
  options.command = command;
  options.context = workspace.context;
  return evaluate::evaluate_plan(options);
}

std::vector<std::string> report_run(const Workspace& workspace) {
  const StepTimer timer(workspace.run, "report");
  return report::write_report(workspace.run, {.data = workspace.config.data}).notes;
}

}  // namespace

Workspace open_checked_run(const RunConfig& given, const fs::path& run, const Context& context) {
  const RunConfig config = resolve_precision(given, run);
  config.require_stages();
  Workspace workspace(config, run, context);
  say_split_notes(workspace);
  check_run(workspace);
  check_budgets(workspace);
  evaluate::test_indices(workspace.dataset);  // there are some
  return workspace;
}

RunSteps run_steps() {
  return {.train = train_all, .build = build_trained, .evaluate = evaluate_run, .report = report_run};
}

RunResult run_all(const Workspace& workspace, const std::string& command, const RunSteps& steps) {
  const FileLock lock = open_run(workspace.run, workspace.config);
  steps.train(workspace);
  steps.build(workspace);
  RunResult done{.results = steps.evaluate(workspace, command), .notes = {}};
  results::save_results(workspace.run / "results.json", done.results);
  done.notes = steps.report(workspace);
  return done;
}

std::map<std::string, Figure> run_figures(const Workspace& workspace, const results::Results& results, bool routing) {
  const std::string prefix = workspace.config.name.substr(0, workspace.config.name.find('-'));
  std::map<std::string, Figure> figures;
  for (const auto& [key, figure] : evaluate::figures(results, routing)) {
    const std::string dataset = workspace.dataset.info().name + ".";
    figures[key.starts_with(dataset) ? prefix + "." + key.substr(dataset.size()) : key] = figure;
  }
  figures[prefix + ".minutes"] = {.value = total_minutes(workspace.run), .unit = "min"};
  for (const StageConfig& stage : workspace.config.stages) {
    if (stage.onnx) continue;
    figures[prefix + "." + stage.name + "_mmac"] = {.value = static_cast<double>(workspace.size(stage).macs) / 1e6,
                                                    .unit = "MMAC"};
  }
  return figures;
}

}  // namespace triage::workflow
