// From a point of a search's front to the stages of a plan.
#pragma once

#include "search/evolve/front.h"
#include "workflow/build/plan_source.h"
#include "workflow/config/search_config.h"
#include "workflow/search/open_supernet.h"

namespace triage::workflow {

search::Front front_of(const fs::path& run);  // throws Error where no search has written one
// Throws Error unless this supernet, its data and its splits are those that the front was found with.
void require_supernet_of(const search::Front& front, const OpenSupernet& supernet, const fs::path& run);
// The front's point that a user asks for. Throws Error where none will do.
const search::FrontPoint& point_of(const search::Front& front, const BuildTarget& target);
std::string net_name(std::size_t leg);  // of a plan's files

// Nets cut from the supernet, with batch statistics of their own; named "net1", "net2", ...
std::vector<StageSource> cut_stages(const OpenSupernet& supernet, const search::Genome& genome);

// The plan of a front's point, in RUN/plan: the most accurate one that, as measured, keeps the target and the
// budgets of `options`. Points that miss them when they are measured are passed over for the next cheaper one.
plan::Plan build_from_front(const SearchConfig& config, const fs::path& run, BuildOptions options, bool any_policy);

}  // namespace triage::workflow
