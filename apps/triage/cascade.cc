// triage cascade: ONNX files -> a plan.
#include "workflow/cascade/cascade.h"

#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/options/target_options.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/text.h"
#include "workflow/cascade/cascade_json.h"
#include "workflow/cascade/net_options.h"

namespace triage::cli {
namespace {

std::string percent(double share) { return std::format("{:.2f} %", 100 * share); }

void print_nets(const workflow::CascadeResult& result) {
  for (std::size_t i = 0; i < result.nets.size(); ++i) {
    const workflow::ImportedNet& net = result.nets[i];
    std::printf("%s: %s on the validation images, %.1f us; answers %s\n", net.stage.name.c_str(),
                percent(result.accuracy[i]).c_str(), result.latency_us[i], importing::to_string(net.answer).c_str());
    if (!net.preprocess_file.empty()) std::printf("  preprocessing: %s\n", net.preprocess_file.c_str());
    if (!net.trials.empty())
      std::printf("  preprocessing found on %zu images (--preprocess %s=FILE decides):\n", net.images,
                  net.stage.name.c_str());
    for (const workflow::PreprocessTrial& trial : net.trials)
      std::printf("    %8s  %s\n", percent(trial.accuracy).c_str(), trial.name.c_str());
    for (const std::string& note : net.notes) std::printf("  %s\n", note.c_str());
  }
}

std::string chain_text(const workflow::CascadeResult& result, const workflow::CascadePoint& point) {
  std::string text;
  for (const std::size_t net : point.chain) text += (text.empty() ? "" : " > ") + result.nets[net].stage.name;
  if (point.chain.size() == 1) return text + ", alone";
  return std::format("{}, by {}{}", text, plan::to_string(point.policy),
                     point.weights.empty() ? "" : ", answers together");
}

void print_front(const workflow::CascadeResult& result) {
  constexpr std::size_t kShown = 12;  // rows, besides the chosen one and the single nets
  std::printf("%10s %12s\n", "accuracy", "mean latency");
  const std::size_t every = std::max<std::size_t>(1, result.front.size() / kShown);
  for (std::size_t i = 0; i < result.front.size(); ++i) {
    const workflow::CascadePoint& point = result.front[i];
    const bool chosen = i == result.chosen, last = i + 1 == result.front.size();
    if (!chosen && !last && point.chain.size() > 1 && i % every != 0) continue;
    std::printf("%10s %9.1f us  %s%s\n", percent(point.at.accuracy).c_str(), point.at.latency_us,
                chain_text(result, point).c_str(), chosen ? "  <- the plan" : "");
  }
}

}  // namespace

int cascade_command(int argc, char** argv) {
  CLI::App app{
      "From ONNX classifiers to a plan: finds each one's preprocessing, asks and measures them, and chooses which "
      "to ask in which order",
      "triage cascade"};
  workflow::CascadeRequest request;
  workflow::NetOptions nets;
  TargetOptions target;
  std::vector<std::string> policies;
  bool json = false;
  app.add_option("NET", nets.files, "ONNX files of classifiers")->required()->type_name("FILE ...");
  app.add_option("--data", request.data, "labelled images: an imported data set")->required()->check(CLI::ExistingFile);
  app.add_option("--out", request.out, "directory of the plan")->required()->check(output_directory);
  target.add_options(app);
  app.add_option(
         "--preprocess", nets.preprocess,
         "NET=FILE: its preprocessing: preprocessor_config.json, timm's config.json, or as in plan.json; default: "
         "such a file beside the net, else it is found")
      ->type_name("NET=FILE");
  app.add_option("--classes", nets.classes,
                 "NET=FILE: the names of its classes in order, a line each or a JSON list; default: the data set's")
      ->type_name("NET=FILE");
  app.add_option("--answer", nets.answers, "NET=VALUE: the output that answers, of several")->type_name("NET=VALUE");
  app.add_option("--features", nets.features, "NET=VALUE: a value of the net that routers may see")
      ->type_name("NET=VALUE");
  app.add_option("--policy", policies, "that may decide, several separated by commas")
      ->delimiter(',')
      ->check(CLI::IsMember({"confidence", "entropy", "margin", "agreement"}));
  app.add_option("--max-stages", request.max_stages, "nets in a row, at most")
      ->check(CLI::Range(1, 5))
      ->capture_default_str();
  app.add_option("--seconds", request.profile_seconds, "timed runs of each net")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  app.add_option("--threads", request.threads, "of the engine, for the measured costs")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--seed", request.seed, "of the route split")->capture_default_str();
  app.add_flag("--json", json, "cascade.json on stdout, no progress");
  app.footer("Example: triage cascade little.onnx big.onnx --data photos.tds --accuracy 84% --out plan");
  if (!parse_arguments(app, argc, argv)) return 0;
  request.target = target.target();
  for (const std::string& policy : policies) request.policies.push_back(plan::policy_from_string(policy, "--policy"));
  request.nets = workflow::net_sources(nets);
  request.command = command_line(argc, argv);
  const workflow::CascadeResult result = workflow::run_cascade(request, stoppable(json));
  if (json) {
    std::cout << read_file(request.out / "cascade.json");
    return 0;
  }
  print_nets(result);
  print_front(result);
  for (const std::string& text : result.warnings) std::printf("warning: %s\n", text.c_str());
  const results::OperatingPoint& test = result.results.test.operating_point;
  std::printf("on %zu test images: %s; report: %s\n", result.results.test.count, percent(test.accuracy).c_str(),
              (request.out / "report.html").c_str());
  return 0;
}

}  // namespace triage::cli
