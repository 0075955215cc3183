#include "route/router/router_options.h"

#include "core/error.h"
#include "plan/plan.h"

namespace triage::route {

void read_router_options(ConfigSection& section, RouterTrainingOptions& options) {
  section.read("hidden", options.hidden, 1, plan::kMaxHidden);
  section.read("members", options.members, 1, 100);
  if (options.hidden * options.members > plan::kMaxHidden)
    section.fail_at("members", std::format("hidden times members of at most {}", plan::kMaxHidden));
  section.read("folds", options.folds, kMinFolds, 100);
  section.read("repeats", options.repeats, 1, 100);
  section.read("steps", options.steps, options.check_every, 100'000);
  section.read("learning_rate", options.learning_rate, 1e-6, 10);
  section.read("evidence", options.evidence, 0, 100);
  section.finish();
}

std::size_t min_images(const RouterTrainingOptions& options) {
  return kImagesPerFold * static_cast<std::size_t>(options.folds);
}

}  // namespace triage::route
