// The data set of a plan or run, where the command line names none.
#pragma once

#include <optional>
#include <vector>

#include "workflow/config/run_config.h"

namespace triage::workflow {

// The configuration a plan was made by: config.toml beside plan.json or, for RUN/plan, one directory up; of a search's
// plan that of its supernet. None: there is no such file.
std::optional<RunConfig> config_of_plan(const fs::path& plan);

// The directory whose config.toml that is. Throws Error that names what was looked for.
fs::path directory_of_config(const fs::path& plan);

// A split that was cut out of the training images, "route" or "validation", as the plan's run cut it. Throws UsageError
// where no configuration says how.
std::vector<std::uint32_t> split_of_plan(const fs::path& plan, const std::string& split, const data::Dataset& dataset);

// `given` where it is not empty, else the data set that this configuration names. Throws UsageError that names what was
// looked for.
fs::path data_of_plan(const fs::path& plan, const std::string& given);

// " --data FILE" for a command that is printed, quoted for a shell; empty where the command finds it itself.
std::string data_option(const fs::path& plan, const std::string& data);

}  // namespace triage::workflow
