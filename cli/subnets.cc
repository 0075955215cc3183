#include "cli/subnets.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "cli/command.h"

namespace triage::cli {

OpenSupernet::OpenSupernet(const fs::path& run, std::optional<train::Precision> precision)
    : workspace(run_config_of(run), run),
      directory(run),
      file(run / "supernet.pt"),
      trained(train::load_network(file, precision.value_or(workspace.config.precision))) {
  const data::DatasetInfo& info = workspace.dataset.info();
  const JsonReader identity(trained.identity, file.string() + ": about.identity");
  if (const auto data = identity.get<std::string>("data"); data != info.sha256) {
    fail("{}: was trained on the data set {}, found {} in {}", file.string(), data, info.sha256, workspace.config.data);
  }
  if (workspace.config.supernet && workspace.config.supernet->space != space()) {
    fail("{}: space: expected {} as in config.toml, found {}", file.string(), workspace.config.supernet->space.text(),
         space().text());
  }
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

search::LogitStore open_store(const OpenSupernet& supernet, const std::string& split,
                              const train::RecalibrationOptions& recalibration, const fs::path& file,
                              plan::Precision precision) {
  const Workspace& w = supernet.workspace;
  const data::SplitOptions& splits = w.config.splits;
  const std::string int8 =
      precision == plan::Precision::int8 ? ", int8 " + exporting::to_json(w.config.int8).dump() : std::string();
  const search::StoreKey key{
      supernet.trained.sha256, w.dataset.info().sha256,
      std::format("{} of route={} validation={} seed={}{}", split, splits.route, splits.validation, splits.seed,
                  w.splits.drawn.empty() ? "" : ", " + w.splits.drawn),
      std::format("{} images, seed {}", recalibration.images, recalibration.seed) + int8};
  return {
      file.empty() ? supernet.directory / std::format("subnets_{}{}.sqlite", split, int8.empty() ? "" : "_int8") : file,
      key, supernet.trained.network->classes(), labels_of(w.dataset, supernet.split(split))};
}

namespace {

constexpr Command kActions[] = {
    {"eval", "accuracy of subnets at every exit; answers are kept in a store", subnets_eval},
    {"cut", "write a subnet as a network of its own: ONNX and weights", subnets_cut},
    {"alone", "print a configuration that trains subnets alone, as the supernet is trained", subnets_alone},
    {"compare", "subnets against the same nets trained alone", subnets_compare},
    {"pack", "copy a supernet with weights in bf16, for a zoo", subnets_pack},
};

int usage(std::FILE* out) {
  std::fprintf(out, "Subnets of a trained supernet\n\nusage: triage subnets ACTION [OPTIONS]\n\n");
  list_commands(out, kActions);
  std::fprintf(out, "\nExample: triage subnets eval zoo/cifar10-supernet --random 20\n");
  return out == stdout ? 0 : 2;
}

}  // namespace

int subnets_command(int argc, char** argv) {
  if (argc < 2) return usage(stderr);
  if (!std::strcmp(argv[1], "--help") || !std::strcmp(argv[1], "-h")) return usage(stdout);
  if (const Command* action = find_command(kActions, argv[1])) return action->run(argc - 1, argv + 1);
  throw UsageError("'" + std::string(argv[1]) + "' is not an action");
}

}  // namespace triage::cli
