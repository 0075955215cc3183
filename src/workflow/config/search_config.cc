#include "workflow/config/search_config.h"

#include <algorithm>

#include "cost/cost_config.h"
#include "engine/names.h"
#include "search/evolve/search_options.h"
#include "workflow/search/layer_table.h"

namespace triage::workflow {
namespace {

void read_supernets(ConfigSection& section, SearchConfig& config) {
  if (section.has("supernets")) {
    if (section.has("supernet")) section.fail_at("supernet", "no such key beside 'supernets'");
    section.read("supernets", config.supernets);
    if (config.supernets.empty()) section.fail_at("supernets", "at least one directory");
    return;
  }
  section.require("supernet");
  section.read("supernet", config.supernets.emplace_back());
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
  read_supernets(section, config);
  section.read("nets", config.nets);
  section.read("threads", config.threads, 1, 1024);
  section.read("provider", config.provider);
  if (std::ranges::find(engine::kLayerProviders, config.provider) == engine::kLayerProviders.end())
    section.fail_at("provider",
                    std::format("{}, {}, {} or {}", engine::kCpu, engine::kXnnpack, engine::kTuned, engine::kUntuned));
  section.read("tuning", config.tuning);
  section.read("device", config.device);
  section.read("devices", config.devices_file);
  section.read("profile_seconds", config.profile_seconds, 0.1, 86400);
  cost::read_cost_axis(section, config.axis);
  if (section.has("hand_picked")) {
    std::string text;
    section.read("hand_picked", text);
    config.hand_picked = search::Genome::parse("confidence: " + text);
  }
  cost::read_budgets(section.section("budget"), config.budgets);
  search::read_search_options(section, config.options);
  section.finish();
  root.finish();
  return config;
}

bool is_search_config(const fs::path& file) { return Config::load(file).root().has("search"); }

}  // namespace triage::workflow
