// Exits that answer together with those before them: from the weighted mean of their calibrated answers, with the
// weights that the plan's exits get when it is built (route/answer_weights.h), fitted on the route split.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "search/solve/exit_net.h"

namespace triage::search {

struct TogetherExit {
  std::vector<std::uint8_t> correct;  // [validation images]
  std::optional<Ranking> ranking;     // by what it answers; none: of the last exit, and of a learned policy
};

// By exit; none: it answers alone. nets: of a plan, in the order in which they are asked.
std::vector<std::optional<TogetherExit>> answer_together(NetPool& pool, std::span<const ExitNet* const> nets,
                                                         plan::PolicyKind policy);

}  // namespace triage::search
