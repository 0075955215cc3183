#include "workflow/config/plan_data.h"

#include "core/text.h"
#include "workflow/config/search_config.h"

namespace triage::workflow {
namespace {

std::optional<fs::path> directory_with_config(const fs::path& plan) {
  const fs::path above = fs::weakly_canonical(plan).parent_path();
  for (const fs::path& directory : {plan, above}) {
    if (fs::exists(directory / "config.toml")) return directory;
  }
  return std::nullopt;
}

}  // namespace

std::optional<RunConfig> config_of_plan(const fs::path& plan) {
  const std::optional<fs::path> directory = directory_with_config(plan);
  if (!directory) return std::nullopt;
  if (!is_search_config(*directory / "config.toml")) return run_config_of(*directory);
  return run_config_of(load_search_config(*directory / "config.toml").supernets[0]);
}

fs::path directory_of_config(const fs::path& plan) {
  for (const fs::path& directory : {plan, plan / ".."}) {  // a plan of the zoo, a run's plan/
    if (fs::exists(directory / "config.toml")) return directory;
  }
  fail("{}: expected the config.toml that the plan was made by here or in the directory above, found none",
       plan.empty() ? "''" : plan.string());
}

std::vector<std::uint32_t> split_of_plan(const fs::path& plan, const std::string& split, const data::Dataset& dataset) {
  const std::optional<RunConfig> run = config_of_plan(plan);
  if (!run) {
    throw UsageError(
        std::format("--split {}: expected the config.toml that says how the data was split in {} or one "
                    "directory up, found none",
                    split, plan.string()));
  }
  const data::Splits splits =
      data::make_splits(dataset, data::resolve_splits(dataset.info(), run->route, run->validation, run->seed));
  return split == "route" ? splits.route : splits.validation;
}

fs::path data_of_plan(const fs::path& plan, const std::string& given) {
  if (!given.empty()) return given;
  if (!fs::exists(plan)) fail("{}: expected a plan directory, found nothing there", plan.string());
  const std::optional<RunConfig> config = config_of_plan(plan);
  if (!config) {
    throw UsageError(
        std::format("--data is needed: expected a config.toml that names the data set in {} or one directory "
                    "up, found none",
                    plan.string()));
  }
  if (!fs::exists(config->data)) {
    throw UsageError(std::format("--data is needed: {} names the data set '{}', which is not there from here",
                                 config->origin, config->data));
  }
  return config->data;
}

std::string data_option(const fs::path& plan, const std::string& data) {
  const std::optional<RunConfig> config = config_of_plan(plan);
  return config && config->data == data ? std::string() : " --data " + shell_word(data);
}

}  // namespace triage::workflow
