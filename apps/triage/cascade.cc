// triage cascade: ONNX files -> a plan.
#include "workflow/cascade/cascade.h"

#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/options/target_options.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/text.h"
#include "workflow/cascade/folder_data.h"
#include "workflow/cascade/imported_record.h"
#include "workflow/cascade/int8_form.h"
#include "workflow/cascade/net_options.h"

namespace triage::cli {
namespace {

std::string percent(double share) { return std::format("{:.2f} %", 100 * share); }

void print_nets(const workflow::CascadeResult& result) {
  for (std::size_t i = 0; i < result.nets.size(); ++i) {
    const workflow::ImportedNet& net = result.nets[i];
    std::printf("%s: %s on the validation images, %.1f us; answers %s\n", net.stage.name.c_str(),
                percent(result.accuracy[i]).c_str(), result.latency_us[i],
                importing::to_string(net.adaptation.answer).c_str());
    if (net.int8_of) {
      const std::size_t of = net.int8_of->net;
      std::printf("  against %s: %+.2f points, %.2f times as fast; %s\n", result.nets[of].stage.name.c_str(),
                  100 * (result.accuracy[i] - result.accuracy[of]), result.latency_us[of] / result.latency_us[i],
                  workflow::describe(net.int8_of->report).c_str());
    }
    for (const std::string& line : workflow::import_lines(net)) std::printf("  %s\n", line.c_str());
    if (!net.trials.empty()) std::printf("  --preprocess %s=FILE decides instead\n", net.stage.name.c_str());
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
  app.add_option(
         "--data", request.data,
         "labelled images: an imported data set, or a folder of class folders (also in train, val, test), which "
         "becomes FOLDER.imported.tds beside --out")
      ->required()
      ->check(CLI::ExistingPath);
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
  app.add_option("--policy", policies,
                 "that may decide, several separated by commas; default: all, learned routers where they win")
      ->delimiter(',')
      ->check(CLI::IsMember({"confidence", "entropy", "margin", "agreement", "learned"}));
  app.add_option("--max-stages", request.max_stages, "nets in a row, at most")
      ->check(CLI::Range(1, 5))
      ->capture_default_str();
  CLI::Option* const int8 =
      app.add_flag("--int8", request.int8, "each net in int8 as well, as one more net to choose from");
  double points = 100 * request.int8_loss;
  app.add_option("--int8-loss", points, "points of accuracy that an int8 form may lose; layers stay in fp32 for it")
      ->needs(int8)
      ->check(CLI::Range(0.0, 100.0))
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
  if (fs::is_directory(request.data)) {
    const std::string problem = output_file_anywhere(workflow::folder_data_file(request.data, request.out));
    if (!problem.empty()) throw UsageError("--data: " + problem);
  }
  request.target = target.target();
  request.int8_loss = points / 100;
  for (const std::string& policy : policies) request.policies.push_back(plan::policy_from_string(policy, "--policy"));
  request.nets = workflow::net_sources(nets);
  request.command = command_line(argc, argv);
  const workflow::CascadeResult result = workflow::run_cascade(request, stoppable(json));
  if (json) {
    std::cout << read_file(request.out / "cascade.json");
    return 0;
  }
  print_nets(result);
  for (const std::string& text : result.notes) std::printf("%s\n", text.c_str());
  print_front(result);
  for (const std::string& text : result.warnings) std::printf("warning: %s\n", text.c_str());
  const results::OperatingPoint& test = result.results.test.operating_point;
  std::printf("on %zu test images: %s; report: %s\n", result.results.test.count, percent(test.accuracy).c_str(),
              (request.out / "report.html").c_str());
  return 0;
}

}  // namespace triage::cli
