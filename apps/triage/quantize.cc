// triage quantize: a finished plan, or one ONNX file, in int8.
#include <cstdio>
#include <functional>

#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/files/new_directory.h"
#include "core/text.h"
#include "workflow/build/quantize_plan.h"
#include "workflow/cascade/net_options.h"
#include "workflow/cascade/quantize_nets.h"
#include "workflow/config/plan_data.h"

namespace triage::cli {
namespace {

struct Arguments {
  std::string from, out, data, preprocess, classes, answer;
  bool any_data = false, json = false;
  workflow::QuantizeNets nets;
};

void print_stages(const plan::Plan& made, const Arguments& arguments, const std::string& next) {
  if (arguments.json) {
    std::printf("%s\n", dump_json(to_json(made), 2).c_str());
    return;
  }
  for (const plan::Stage& stage : made.stages)
    std::printf("%-16s %8.1f us  %6.0f KB  %s\n", stage.name.c_str(), stage.cost->latency_us.mean,
                static_cast<double>(stage.weight_bytes) / 1024, plan::to_string(stage.precision).c_str());
  std::printf("%s\nnext: triage eval %s%s\n", (fs::path(arguments.out) / "plan.json").c_str(),
              shell_word(arguments.out).c_str(), next.c_str());
}

// OUT.part: what was found of the nets before a kill. It goes with the work, unless that was stopped.
class KeptWork {
 public:
  explicit KeptWork(const std::string& out) : directory_(fs::path(out).lexically_normal()) {
    if (!directory_.has_filename()) directory_ = directory_.parent_path();  // "runs/int8/"
    directory_ += ".part";
  }
  const fs::path& directory() const { return directory_; }
  void run(const std::function<void()>& work) const {
    try {
      work();
    } catch (const Interrupted&) {
      throw;
    } catch (...) {
      remove();
      throw;
    }
    remove();
  }

 private:
  void remove() const {
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }
  fs::path directory_;
};

void quantize_trained_plan(const Arguments& arguments, const Context& context) {
  const fs::path from(arguments.from);
  workflow::RunConfig config = workflow::run_config_of(workflow::directory_of_config(from));
  if (!arguments.data.empty()) config.data = arguments.data;
  const workflow::Workspace workspace(config, arguments.out, context);
  NewDirectory directory(arguments.out);
  const plan::Plan made =
      workflow::quantize_plan(workspace, from, directory.path(), arguments.any_data, arguments.nets.choice);
  directory.take_over({});
  directory.commit();
  print_stages(made, arguments, workflow::data_option(arguments.out, workspace.config.data));
}

void quantize_plan_of_nets(const Arguments& arguments) {
  std::vector<std::string> notes;
  NewDirectory directory(arguments.out);
  const plan::Plan made = workflow::quantize_plan_of_nets(arguments.from, directory.path(), arguments.nets, notes);
  directory.take_over({});
  directory.commit();
  print_stages(made, arguments, " --data " + shell_word(arguments.data));
  for (const std::string& note : notes) arguments.nets.choice.context.message(note);
}

void quantize_file(const Arguments& arguments) {
  workflow::NetOptions options{.files = {arguments.from}};
  const std::string name = fs::path(arguments.from).stem().string() + "=";
  if (!arguments.preprocess.empty()) options.preprocess = {name + arguments.preprocess};
  if (!arguments.classes.empty()) options.classes = {name + arguments.classes};
  if (!arguments.answer.empty()) options.answers = {name + arguments.answer};
  const workflow::QuantizedNet made =
      workflow::quantize_net(workflow::net_sources(options).front(), arguments.out, arguments.nets);
  const exporting::QuantizeReport& report = made.report;
  if (arguments.json) {
    Json json = to_json(report);
    json["preprocess"] = preprocess::to_json(*made.net.stage.preprocess);
    json["fp32_bytes"] = made.fp32_bytes;
    json["bytes"] = made.bytes;
    std::printf("%s\n", dump_json(json, 2).c_str());
    return;
  }
  if (!made.net.preprocess_file.empty()) std::printf("preprocessing: %s\n", made.net.preprocess_file.c_str());
  if (!made.net.trials.empty())
    std::printf("preprocessing found: %s (--preprocess FILE decides)\n", made.net.trials.front().name.c_str());
  for (const std::string& note : made.net.notes) std::printf("%s\n", note.c_str());
  std::printf("%-8s %8s %12s %10s\n", "", "accuracy", "latency", "size");
  const auto row = [](const char* precision, double accuracy, std::optional<double> us, std::uintmax_t bytes) {
    std::printf("%-8s %6.2f %% %12s %7.0f KB\n", precision, 100 * accuracy,
                us ? std::format("{:.1f} us", *us).c_str() : "not timed", static_cast<double>(bytes) / 1024);
  };
  row("fp32", *report.fp32_accuracy, report.fp32_us, made.fp32_bytes);
  row("int8", *report.accuracy, report.us, made.bytes);
  std::printf("%s\n%s\n", workflow::describe(report).c_str(), arguments.out.c_str());
}

}  // namespace

int quantize_command(int argc, char** argv) {
  CLI::App app{
      "In int8: a finished plan (the same routers, temperatures and thresholds, costs measured here), or the ONNX file "
      "of one classifier. Ranges come from training images; of nets of other families than plain, and of ONNX files "
      "that others made, what loses too much or is not faster here stays in fp32. A command that was stopped or killed "
      "goes on where it was (OUT.part)",
      "triage quantize"};
  Arguments arguments;
  double points = 1;
  bool untimed = false;
  app.add_option("PLAN|NET.onnx", arguments.from,
                 "a plan's directory (of a run, of the zoo, or from triage cascade), or an ONNX file")
      ->required();
  app.add_option("--out", arguments.out, "directory of the new plan, or the new ONNX file")->required();
  app.add_option("--data", arguments.data,
                 "imported data set; default: that of the plan's config.toml, where it has one");
  app.add_flag("--any-data", arguments.any_data,
               "PLAN: take ranges from other images than those that the plan was made with");
  app.add_option("--loss", points, "points of accuracy that a net of another family than plain, or of others, may lose")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  app.add_flag("--untimed", untimed, "also what is not faster on this machine; of plain nets that is so anyway");
  app.add_option("--preprocess", arguments.preprocess, "NET.onnx: a file that says its preprocessing; default: found");
  app.add_option("--classes", arguments.classes, "NET.onnx: the names of its classes in order");
  app.add_option("--answer", arguments.answer, "NET.onnx: the output that answers, of several");
  app.add_flag("--json", arguments.json, "for machines");
  app.footer(
      "Examples: triage quantize zoo/cifar10-accurate --data data/cifar10.tds --out runs/accurate-int8\n"
      "          triage quantize net.onnx --data photos.tds --out net_int8.onnx");
  if (!parse_arguments(app, argc, argv)) return 0;
  const bool file = arguments.from.ends_with(".onnx") && !fs::is_directory(arguments.from);
  const std::string problem = file ? output_file(arguments.out) : output_directory(arguments.out);
  if (!problem.empty()) throw UsageError("--out: " + problem);
  if (!file && fs::exists(fs::path(arguments.out) / "plan.json"))
    throw UsageError("--out: expected no plan in " + arguments.out + ", found one");
  for (const auto& [option, value] : {std::pair{"--preprocess", arguments.preprocess},
                                      {"--classes", arguments.classes},
                                      {"--answer", arguments.answer}}) {
    if (!file && !value.empty())
      throw UsageError(
          std::format("{}: expected an ONNX file, of which it says something; found '{}'", option, arguments.from));
  }
  const bool of_nets = !file && workflow::is_plan_of_nets(arguments.from);
  if (file && arguments.any_data) throw UsageError("--any-data: expected a plan, found an ONNX file");
  if ((file || of_nets) && arguments.data.empty())
    throw UsageError("--data is needed: labelled images, as triage data import makes them");
  const Context context = file || of_nets ? stoppable(arguments.json) : show_progress(arguments.json);
  arguments.nets.data = arguments.data;
  const KeptWork kept(arguments.out);
  arguments.nets.choice = {.max_loss = points / 100, .timed = !untimed, .kept = kept.directory(), .context = context};
  kept.run([&] {
    if (file) {
      quantize_file(arguments);
    } else if (of_nets) {
      quantize_plan_of_nets(arguments);
    } else {
      quantize_trained_plan(arguments, context);
    }
  });
  return 0;
}

}  // namespace triage::cli
