// A run directory made up for tests: 10,000 simulated images of known hardness through a simulated little and big net,
// so that curves, intervals and calibration have the shapes of a real run. Numbers are realistic, not measured.
#pragma once

#include "core/json.h"

namespace triage::report {

struct FixtureOptions {
  bool shift = true, learned = true;
  int classes = 10;
  std::string first_class = "airplane";  // to put hostile text through everything
};
Json simulated_results(const FixtureOptions& options = {});

// results.json, metrics.jsonl, plan/plan.json, costs.json and data.tds (generated images) in a new directory.
void write_simulated_run(const fs::path& directory, const FixtureOptions& options = {});

}  // namespace triage::report
