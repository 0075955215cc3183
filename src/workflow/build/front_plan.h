// From a point of a search's front to the stages of a plan.
#pragma once

#include "workflow/build/plan_source.h"
#include "workflow/config/search_config.h"
#include "workflow/search/fixed_nets.h"
#include "workflow/search/front/front_choice.h"

namespace triage::workflow {

// Throws Error unless these supernets and nets, their data and their splits are those that the front was found with.
void require_supernet_of(const search::Front& front, const OpenSupernets& supernets, const FixedNets& fixed,
                         const fs::path& run);
// Nets cut from the supernets, with batch statistics of their own, and nets as they are; named "net1", "net2", ...
// workspace: of the plan.
std::vector<StageSource> cut_stages(const Workspace& workspace, const OpenSupernets& supernets, const FixedNets& fixed,
                                    const search::Genome& genome);

// The plan of a front's point, in RUN/plan: the most accurate one that, as measured, keeps the target and the
// budgets of `options`. Points that miss them when they are measured are passed over for the next cheaper one.
plan::Plan build_from_front(const SearchConfig& config, const fs::path& run, BuildOptions options, bool other_policy,
                            const Context& context);

}  // namespace triage::workflow
