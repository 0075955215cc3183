// The configuration that trains subnets of a supernet as networks of their own, by its recipe.
#pragma once

#include "workflow/config/run_config.h"

namespace triage::workflow {

// TOML that load_run_config() reads: what the supernet's configuration says of seed, device, data and training, a stage
// for each subnet. name: of the configuration; empty: the supernet's and "-alone". Throws Error without a [supernet].
std::string alone_config(const RunConfig& config, const std::string& name, std::span<const family::ArchSpec> subnets);

}  // namespace triage::workflow
