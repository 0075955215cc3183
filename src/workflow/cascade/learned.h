// Learned routers (route/router/router_training.h) between the nets of chains that other policies have found good: they
// take seconds for each chain, so not for all.
#pragma once

#include "route/router/fit_routing.h"
#include "workflow/cascade/solve.h"

namespace triage::workflow {

struct LearnedRequest {
  bool asked = false;  // for by name: taken whatever they gain
  bool alone = false;  // the points of other policies do not stay
  plan::Metric metric = plan::Metric::accuracy;
  route::RouterTrainingOptions routers;
  Context context;
};

struct LearnedChain {
  std::vector<std::size_t> chain;
  std::vector<std::vector<double>> weights;  // as of a CascadePoint
  route::PolicyGain gain;                    // of learned over confidence, on folds of the images it is fitted on
};

// Trains routers for the chains of the front (of more than kLearnedChains those with the most points on it) and, where
// they win against confidence or were asked for, adds their points at all thresholds; the front stays one. plan,
// validation, fitted: as of solve_cascades(). Where both tables are one, a curve is made of what routers that were
// trained without an image say of it. notes: gets what was found. Throws Error where they were asked for and there are
// too few images; Interrupted.
inline constexpr std::size_t kLearnedChains = 6;
std::vector<LearnedChain> add_learned(std::vector<CascadePoint>& front, const plan::Plan& plan,
                                      const route::ScoreTable& validation, const route::ScoreTable& fitted,
                                      const LearnedRequest& request, std::vector<std::string>& notes);

}  // namespace triage::workflow
