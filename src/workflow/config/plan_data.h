// The data set of a plan or run, where the command line names none.
#pragma once

#include <optional>

#include "workflow/config/run_config.h"

namespace triage::workflow {

// The configuration a plan was made by: config.toml beside plan.json or, for RUN/plan, one directory up; of a search's
// plan that of its supernet. None: there is no such file.
std::optional<RunConfig> config_of_plan(const fs::path& plan);

// `given` where it is not empty, else the data set that this configuration names. Throws UsageError that names what was
// looked for.
fs::path data_of_plan(const fs::path& plan, const std::string& given);

// " --data FILE" for a command that is printed, quoted for a shell; empty where the command finds it itself.
std::string data_option(const fs::path& plan, const std::string& data);

}  // namespace triage::workflow
