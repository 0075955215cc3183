// What plans there are: names and versions, found by scanning directories.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/files/file.h"

namespace triage::serving {

// Versions of a plan, by number, and their directories.
using PlanVersions = std::map<unsigned long long, fs::path>;
using PlanIndex = std::map<std::string, PlanVersions>;

// Each source is a plan directory (plan.json lies in it; its name is the directory's, its version 1) or a directory of
// plans: NAME/plan.json (version 1) or NAME/VERSION/plan.json, VERSION a whole number above 0 without leading zeros.
// Names are 1 to 128 of [A-Za-z0-9._-], not beginning with a dot. What else lies in a directory of plans, and
// folders that begin with a dot, are left out. Throws Error: a source that is no directory, that holds no plan, or a
// name that was found before.
PlanIndex scan_plans(const std::vector<std::string>& sources);

bool is_plan_name(const std::string& text);

}  // namespace triage::serving
