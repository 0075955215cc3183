#include "workflow/build/known_costs.h"

namespace triage::workflow {

fs::path costs_key(const fs::path& run) { return run / "checkpoint" / "costs.key.json"; }

Json costs_made_from(const plan::Plan& bare, int threads, const fs::path& costs) {
  std::vector<std::string> hashes;
  for (const plan::Stage& stage : bare.stages)
    hashes.push_back(stage.sha256 + (stage.preprocess ? " " + preprocess::to_json(*stage.preprocess).dump() : ""));
  return {{"stages", hashes}, {"threads", threads}, {"costs", sha256_file(costs)}};
}

bool are_measured(const fs::path& run, const plan::Plan& bare, int threads) {
  const fs::path file = run / "costs.json", key = costs_key(run);
  if (!fs::exists(file) || !fs::exists(run / "latency.json") || !fs::exists(key)) return false;
  Json wanted = costs_made_from(bare, threads, file);
  const Json found = read_json(key);
  if (!found.contains("costs")) wanted.erase("costs");  // of a run of before
  return found == wanted;
}

}  // namespace triage::workflow
