#include "workflow/search/open_supernet.h"

#include <algorithm>

#include "core/error.h"
#include "search/store/sql.h"

namespace triage::workflow {

std::string text_of(const train::RecalibrationOptions& recalibration) {
  return std::format("{} images, seed {}", recalibration.images, recalibration.seed);
}

OpenSupernet::OpenSupernet(const fs::path& run, const Context& context, std::optional<train::ComputeType> precision)
    : workspace(run_config_of(run), run, context),
      directory(run),
      file(run / "supernet.pt"),
      trained(train::load_any_network(file, precision.value_or(workspace.config.precision))) {
  train::require_images_of(trained, workspace.dataset, workspace.splits, workspace.config.seed, file);
  if (workspace.config.supernet && workspace.config.supernet->space != space()) {
    fail("{}: space: expected {} as in config.toml, found {}", file.string(), workspace.config.supernet->space->text(),
         space()->text());
  }
}

Json identity_of(const OpenSupernet& supernet) {
  const Workspace& w = supernet.workspace;
  const data::SplitOptions& splits = w.config.splits;
  Json drawn = {{"route", splits.route}, {"validation", splits.validation}, {"seed", splits.seed}};
  if (!w.splits.drawn.empty()) drawn["drawn"] = w.splits.drawn;
  return {{"supernet", supernet.trained.sha256}, {"data", w.dataset.info().sha256}, {"splits", drawn}};
}

std::vector<int> OpenSupernet::exits() const {
  std::vector<int> exits = trained.network->exits();
  exits.push_back(static_cast<int>(space()->sections()) - 1);
  return exits;
}

family::NetSize OpenSupernet::size(const family::ArchSpec& subnet) const {
  return family::size_of(subnet, trained.network->input(), trained.network->classes());
}

const std::vector<std::uint32_t>& OpenSupernet::split(const std::string& name) const {
  if (name == "validation") return workspace.splits.validation;
  if (name == "route") return workspace.splits.route;
  if (name == "test") return workspace.splits.test;
  throw UsageError("--split: expected validation, route or test, found '" + name + "'");
}

train::SubnetCutter OpenSupernet::cutter(const train::RecalibrationOptions& options) const {
  return {trained.network, workspace.dataset, workspace.splits.train, trained.normalization, options};
}

std::vector<Label> labels_of(const data::Dataset& dataset, const std::vector<std::uint32_t>& indices) {
  std::vector<Label> labels(indices.size());
  std::ranges::transform(indices, labels.begin(), [&](std::uint32_t index) { return dataset.label(index); });
  return labels;
}

search::LogitStore open_store(const OpenSupernet& supernet, const AnswersOf& answers, const AnswersAt& at) {
  const Workspace& w = supernet.workspace;
  const data::SplitOptions& splits = w.config.splits;
  const std::string int8 =
      answers.precision == plan::Precision::int8 ? ", int8 " + exporting::to_json(w.config.int8).dump() : std::string();
  const search::StoreKey key{
      supernet.trained.sha256, w.dataset.info().sha256,
      std::format("{} of route={} validation={} seed={}{}", answers.split, splits.route, splits.validation, splits.seed,
                  w.splits.drawn.empty() ? "" : ", " + w.splits.drawn),
      text_of(answers.recalibration) + int8};
  const int classes = supernet.trained.network->classes();
  const std::vector<Label> labels = labels_of(w.dataset, supernet.split(answers.split));
  if (search::is_server(at.location)) return {at.location, at.name, key, classes, labels};
  const fs::path beside =
      supernet.directory / std::format("subnets_{}{}.sqlite", answers.split, int8.empty() ? "" : "_int8");
  return {at.location.empty() ? beside : fs::path(at.location), key, classes, labels};
}

}  // namespace triage::workflow
