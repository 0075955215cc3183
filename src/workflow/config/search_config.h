// Configuration of `triage search`: docs/configuration.md explains every key, configs/cifar10-search.toml is an
// example.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/files/file.h"
#include "engine/names.h"
#include "search/evolve/joint_search.h"

namespace triage::workflow {

struct SearchConfig {
  std::string name;
  std::vector<std::string> supernets;    // directories with supernet.pt and config.toml, of different families
  std::vector<std::string> nets;         // directories of plans, whose whole nets are taken as they are
  int threads = 1;                       // of the engine, for the costs
  std::string provider = engine::kCpu;   // likewise
  std::string tuning = "tuning.sqlite";  // store of schedules, for provider compiled
  std::string device;                    // whose costs count; empty: this machine's
  std::string devices_file = "devices.toml";
  double profile_seconds = 90;  // of timed runs while the layers are measured
  cost::CostAxis axis = cost::CostAxis::latency;
  cost::Budgets budgets;
  std::optional<search::Genome> hand_picked;  // a plan made without a search, for comparison
  search::SearchOptions options;              // structures without spaces: the supernets tell
  std::string text;                           // of the file, kept in the run directory as config.toml
  std::string origin;
};

// settings: as of Config::load.
SearchConfig load_search_config(const fs::path& file, std::span<const std::string> settings = {});
bool is_search_config(const fs::path& file);  // it has a [search]

}  // namespace triage::workflow
