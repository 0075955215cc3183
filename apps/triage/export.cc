// triage export: a whole plan as one standard ONNX file.
#include <charconv>
#include <cstdio>
#include <iostream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "exporting/plan/operator_sets.h"
#include "workflow/build/exported_check.h"

namespace triage::cli {
namespace {

// 0: free.
int parse_batch(const std::string& text) {
  if (text == "free") return 0;
  int batch = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), batch);
  if (error != std::errc() || end != text.data() + text.size() || batch < 1)
    throw UsageError("--batch: expected a number of images from 1, or free, found '" + text + "'");
  return batch;
}

}  // namespace

int export_command(int argc, char** argv) {
  CLI::App app{
      "Writes a plan as ONE standard ONNX model with nested If that any ONNX engine runs: input \"image\" [1,C,H,W] "
      "in\n"
      "[0,1], outputs \"logits\" [1,classes] and \"exit\" [1] (the stage the image left at). Of a plan whose networks\n"
      "were imported, their preprocessing is in the model, and \"image\" is uint8 [H,W,C]: the pixels of one image of\n"
      "any size, RGB."};
  exporting::PlanModelOptions options;
  std::string batch = "1";
  std::string directory, out = "plan.onnx", data_file;
  int count = 256;
  bool json = false;
  app.add_option("plan", directory, "Plan directory")->required()->type_name("PLAN");
  app.add_option("--out", out, "File to write")->capture_default_str()->type_name("FILE")->check(output_file);
  auto* const other_batch =
      app.add_option("--batch", batch,
                     "Images of one call: a number, or free; in a batch only the images that go on reach a later stage")
          ->capture_default_str()
          ->type_name("N|free");
  auto* const calibrated = app.add_flag("--calibrated", options.calibrated,
                                        "Divide the logits by the temperature of the exit they come from (it is in the "
                                        "metadata either way)");
  app.add_option("--check-data", data_file,
                 "Data set file: also run plan.onnx in ONNX Runtime and compare exit, label and probability with the "
                 "runtime's, image by image (training and validation images)")
      ->type_name("FILE")
      ->excludes(other_batch)
      ->excludes(calibrated);
  app.add_option("--count", count, "Images to compare")->capture_default_str()->check(CLI::Range(1, 100000));
  app.add_flag("--json", json, "JSON on stdout");
  app.footer("Example:\n  triage export zoo/cifar10-pair --out plan.onnx --check-data data/cifar10.tds");
  if (!parse_arguments(app, argc, argv)) return 0;
  require_output_file(out);

  options.batch = parse_batch(batch);
  const auto model = exporting::compose_plan(fs::path(directory), options);
  std::optional<exporting::PlanCheck> checked;
  if (!data_file.empty())
    checked = workflow::check_exported(model, directory, data_file, static_cast<std::uint32_t>(count));
  const bool good = !checked || checked->ok();
  if (good) exporting::save_model(out, model);

  const auto bytes = model.ByteSizeLong();
  const int opset = exporting::opset_of(model);
  if (json) {
    Json result{{"file", out},
                {"written", good},
                {"bytes", bytes},
                {"opset", opset},
                {"policy", exporting::metadata(model, "triage.policy")},
                {"stages", Json::parse(exporting::metadata(model, "triage.stages"))}};
    if (checked) result["check"] = exporting::to_json(*checked);
    std::cout << dump_json(result, 2) << '\n';
  } else {
    if (good)
      std::printf("%s: %.2f MB, operator set %d, accepted by the ONNX checker\n", out.c_str(), bytes / 1e6, opset);
    if (checked) {
      std::printf(
          "%zu images against the runtime: largest probability error %.2g, %zu on the border of a threshold;"
          " left at",
          checked->images, checked->max_probability_error, checked->on_border);
      for (std::size_t k = 0; k < checked->exits.size(); ++k) std::printf(" exit %zu: %zu", k, checked->exits[k]);
      std::printf("\n");
    }
  }
  if (!good)
    fail(
        "{}: not written: the model does not decide like the runtime: {} exits, {} labels, {} probabilities of {} "
        "images differ; first: {}",
        out, checked->exit_disagreements, checked->label_disagreements, checked->probability_disagreements,
        checked->images, checked->first);
  return 0;
}

}  // namespace triage::cli
