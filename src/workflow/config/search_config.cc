#include "workflow/config/search_config.h"

#include <algorithm>

#include "workflow/config/run_config.h"
#include "workflow/search/layer_table.h"

namespace triage::workflow {
namespace {

void read_size(ConfigSection& section, const char* key, std::size_t& value, int low, int high) {
  int number = static_cast<int>(value);
  section.read(key, number, low, high);
  value = static_cast<std::size_t>(number);
}

void read_options(ConfigSection& section, search::SearchOptions& options) {
  search::Structures& structures = options.structures;
  std::vector<std::string> policies{"confidence", "entropy", "margin", "learned"};
  section.read("policies", policies);
  if (policies.empty()) section.fail_at("policies", "at least one policy");
  structures.policies.clear();
  for (const std::string& policy : policies) {
    structures.policies.push_back(plan::policy_from_string(policy, "search.policies"));
  }
  std::vector<std::string> precisions{"fp32"};
  section.read("precisions", precisions);
  structures.precisions.clear();
  for (const std::string& text : precisions) {
    const plan::Precision precision = plan::precision_from_string(text, "search.precisions");
    if (std::ranges::find(structures.precisions, precision) != structures.precisions.end())
      section.fail_at("precisions", "each precision once");
    structures.precisions.push_back(precision);
  }
  if (precisions.empty()) section.fail_at("precisions", "at least one precision");
  for (const auto& [old_key, key] : {std::pair("most_stages", "max_stages"),
                                     {"most_subnets", "max_subnets"},
                                     {"most_trials", "max_trials"},
                                     {"most_minutes", "max_minutes"}}) {
    section.renamed(old_key, key);
  }
  read_size(section, "max_stages", structures.max_stages, 1, static_cast<int>(search::kMaxSearchStages));
  section.read("early_exits", structures.early_exits);
  section.read("cascades", structures.cascades);
  section.read("random", options.random);
  read_size(section, "initial_subnets", options.initial_subnets, 2, 1'000'000);
  read_size(section, "max_subnets", options.max_subnets, 2, 1'000'000);
  read_size(section, "new_subnets", options.new_subnets, 0, 1'000);
  read_size(section, "batch", options.batch, 1, 100'000);
  read_size(section, "population", options.population, 4, 100'000);
  section.read("sweep_every", options.sweep_every, 0, 1'000'000);
  read_size(section, "sweep_keep", options.sweep_keep, 1, 1'000);
  int trials = static_cast<int>(options.max_trials);
  section.read("max_trials", trials, 1, 1'000'000'000);
  options.max_trials = static_cast<std::uint64_t>(trials);
  section.read("max_minutes", options.max_minutes, 0.001, 1e6);
  section.read("settled", options.settled, 0, 1);
  section.read("patience", options.patience, 1, 1'000'000);
}

}  // namespace

SearchConfig load_search_config(const fs::path& file, std::span<const std::string> settings) {
  const Config parsed = Config::load(file, settings);
  ConfigSection root = parsed.root();
  SearchConfig config;
  config.origin = parsed.origin();
  config.text = parsed.text();
  root.require("name");
  root.read("name", config.name);
  root.read("seed", config.options.seed);
  root.require("search");
  ConfigSection section = root.section("search");
  section.require("supernet");
  section.read("supernet", config.supernet);
  section.read("threads", config.threads, 1, 1024);
  section.read("provider", config.provider);
  if (std::ranges::find(kLayerProviders, config.provider) == kLayerProviders.end())
    section.fail_at("provider", "cpu, xnnpack, compiled or compiled-untuned");
  section.read("tuning", config.tuning);
  section.read("device", config.device);
  section.read("devices", config.devices_file);
  section.read("profile_seconds", config.profile_seconds, 0.1, 86400);
  std::string axis = cost::to_string(config.axis);
  section.read("axis", axis);
  if (axis != "latency" && axis != "macs" && axis != "energy") section.fail_at("axis", "latency, macs or energy");
  config.axis = cost::cost_axis_from_string(axis);
  if (section.has("hand_picked")) {
    std::string text;
    section.read("hand_picked", text);
    config.hand_picked = search::Genome::parse("confidence: " + text);
  }
  read_budgets(section.section("budget"), config.budgets);
  read_options(section, config.options);
  section.finish();
  root.finish();
  return config;
}

bool is_search_config(const fs::path& file) { return Config::load(file).root().has("search"); }

}  // namespace triage::workflow
