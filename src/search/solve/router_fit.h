// A quick stand-in for a learned router while structures are searched: ridge regression, in closed form, of what going
// on would gain, correct(last net) - correct(this exit), on the exit's standardised confidence, entropy and margin,
// their squares and products. The routers of the plans that are built are trained properly (route/router_training.h).
#pragma once

#include <vector>

#include "search/solve/exit_net.h"

namespace triage::search {

// Scores of the validation images, in [0, 1], growing with the expected gain. Fitted on the route split.
std::vector<float> fit_router_scores(const ExitNet& exit, const std::vector<std::uint8_t>& last_correct_on_route);

}  // namespace triage::search
