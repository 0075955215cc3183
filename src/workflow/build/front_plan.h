// From a point of a search's front to the stages of a plan.
#pragma once

#include "workflow/build/plan_source.h"
#include "workflow/config/search_config.h"
#include "workflow/search/front/front_choice.h"
#include "workflow/search/open_supernet.h"

namespace triage::workflow {

// Throws Error unless this supernet, its data and its splits are those that the front was found with.
void require_supernet_of(const search::Front& front, const OpenSupernet& supernet, const fs::path& run);
// Nets cut from the supernet, with batch statistics of their own; named "net1", "net2", ...
std::vector<StageSource> cut_stages(const OpenSupernet& supernet, const search::Genome& genome);

// The plan of a front's point, in RUN/plan: the most accurate one that, as measured, keeps the target and the
// budgets of `options`. Points that miss them when they are measured are passed over for the next cheaper one.
plan::Plan build_from_front(const SearchConfig& config, const fs::path& run, BuildOptions options, bool other_policy,
                            const Context& context);

}  // namespace triage::workflow
