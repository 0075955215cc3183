// train --dry-run, run --dry-run: what would be done.
#include "workflow/run/dry_run.h"

#include <cstdio>

#include "apps/triage/options/run_options.h"
#include "core/text.h"

namespace triage::cli {
namespace {

std::string readable_dry_run(const Json& answer) {
  const Json &data = answer["data"], &input = data["input"], &splits = answer["splits"];
  std::string text = std::format(
      "data: {}: '{}', {} classes, {} x {} x {}\nimages: {} train, {} route, {} validation, {} test\n"
      "training: {} on {}, {} threads\n{:<12} {:>9} {:>11} {:>7} {:>6} {:>9} {:>9}  {}\n",
      data["file"].get<std::string>(), data["name"].get<std::string>(), data["classes"].get<int>(),
      input["channels"].get<int>(), input["height"].get<int>(), input["width"].get<int>(), splits["train"].get<int>(),
      splits["route"].get<int>(), splits["validation"].get<int>(), splits["test"].get<int>(),
      answer["precision"].get<std::string>(), answer["device"].get<std::string>(), answer["threads"].get<int>(),
      "network", "MMAC", "parameters", "epochs", "batch", "images/s", "minutes", "architecture");
  for (const Json& network : answer["networks"]) {
    if (network.contains("onnx")) {
      text +=
          std::format("{:<12} imported: {}\n", network["name"].get<std::string>(), network["onnx"].get<std::string>());
      continue;
    }
    text +=
        std::format("{:<12} {:>9.2f} {:>11} {:>7} {:>6} {:>9.0f} {:>9.1f}  {}\n", network["name"].get<std::string>(),
                    network["mmac"].get<double>(), network["parameters"].get<std::uint64_t>(),
                    network["epochs"].get<int>(), network["batch"].get<int>(), network.value("images_per_second", 0.0),
                    network["seconds"].get<double>() / 60, network["arch"].get<std::string>());
  }
  return text + std::format(
                    "training: about {:.1f} min as this machine is now; building, evaluation and report come on top\n"
                    "dry run: nothing was written to {}\n",
                    answer["training_minutes"].get<double>(), answer["run"].get<std::string>());
}

}  // namespace

int tell_dry_run(const workflow::Workspace& workspace, bool json) {
  const Json answer = workflow::dry_run(workspace);
  std::fputs((json ? dump_json(answer, 2) + "\n" : printable(readable_dry_run(answer))).c_str(), stdout);
  return 0;
}

}  // namespace triage::cli
