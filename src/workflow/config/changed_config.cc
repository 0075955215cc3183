#include "workflow/config/changed_config.h"

namespace triage::workflow {
namespace {

// One setting that makes a network start from what a finished run made of it.
std::string start_setting(const std::string& table, const StageConfig& stage, const fs::path& from) {
  const fs::path file = from / (stage.name == "supernet" ? "supernet.pt" : stage.name + "_best.pt");
  if (!fs::exists(file))
    throw UsageError(std::format("--from: expected the finished run of these networks, found no {}", file.string()));
  return std::format("{}.from={}", table, Json(stage.name == "supernet" ? from.string() : file.string()).dump());
}

}  // namespace

RunConfig load_changed_config(const fs::path& file, const ConfigChanges& changes) {
  const RunConfig given = load_run_config(file, changes.settings);
  std::vector<std::string> all = changes.settings;
  const auto change = [&](const std::string& table, const StageConfig& stage) {
    if (changes.epochs > 0 && stage.train.epochs > 0) all.push_back(std::format("{}.epochs={}", table, changes.epochs));
    if (!changes.from.empty()) all.push_back(start_setting(table, stage, changes.from));
  };
  if (given.supernet) change("supernet", *given.supernet);
  for (const StageConfig& stage : given.stages)
    if (!stage.onnx) change("stage." + stage.name, stage);
  return all.size() == changes.settings.size() ? given : load_run_config(file, all);
}

}  // namespace triage::workflow
