#include "search/evolve/search_options.h"

#include <algorithm>

namespace triage::search {
namespace {

void read_size(ConfigSection& section, const char* key, std::size_t& value, int low, int high) {
  int number = static_cast<int>(value);
  section.read(key, number, low, high);
  value = static_cast<std::size_t>(number);
}

}  // namespace

void read_search_options(ConfigSection& section, SearchOptions& options) {
  Structures& structures = options.structures;
  std::vector<std::string> policies{"confidence", "entropy", "margin", "learned"};
  section.read("policies", policies);
  if (policies.empty()) section.fail_at("policies", "at least one policy");
  structures.policies.clear();
  for (const std::string& policy : policies) {
    structures.policies.push_back(plan::policy_from_string(policy, "search.policies"));
    if (structures.policies.back() == plan::PolicyKind::agreement)
      section.fail_at("policies", "policies that look at one net, not agreement");
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
  read_size(section, "max_stages", structures.max_stages, 1, static_cast<int>(kMaxSearchStages));
  section.read("early_exits", structures.early_exits);
  section.read("cascades", structures.cascades);
  section.read("answers_together", structures.answers_together);
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

}  // namespace triage::search
