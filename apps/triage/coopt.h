// triage coopt: what searches under several cost models choose, and what it costs to deploy what the wrong ones chose.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/system/machine.h"
#include "search/evolve/regret.h"
#include "workflow/search/search_run.h"

namespace triage::cli {

struct CooptSeed {
  std::uint64_t seed = 0;
  std::vector<search::Front> found;  // by each model's search
  std::vector<search::RegretLevel> grid, targets;
};

struct Coopt {
  std::vector<std::string> models;
  std::size_t deployed = 0;  // of these
  cost::CostAxis axis = cost::CostAxis::latency;
  std::uint64_t trials = 0;
  std::vector<CooptSeed> seeds;
  std::vector<search::RegretCurve> curves;  // of each model
};

// coopt.json, less where it comes from (docs/formats.md).
Json to_json(const Coopt& coopt);
void print_coopt(const Coopt& coopt);
void draw_coopt(const Coopt& coopt, const fs::path& file);
// "coopt.regret_percent" and others of the model "cpu"; of any other "coopt.compiled_untuned_regret_percent".
std::map<std::string, Figure> coopt_figures(const Coopt& coopt);

}  // namespace triage::cli
