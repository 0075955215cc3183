#include "workflow/search/front/front_choice.h"

#include <algorithm>

#include "core/error.h"
#include "core/files/file.h"

namespace triage::workflow {

search::Front front_of(const fs::path& run) {
  const fs::path file = run / "front.json";
  if (!fs::exists(file))
    fail("{}: expected the front of a search, found none; run 'triage search' first", file.string());
  return search::load_front(file);
}

const search::FrontPoint& point_of(const search::Front& front, const BuildTarget& target) {
  if (target.latency_us) return search::most_accurate_below(front, cost::CostAxis::latency, *target.latency_us);
  if (target.max_drop) {
    if (front.singles.empty()) fail("--max-drop: expected nets alone in the front to drop from, found none");
    const double best = std::ranges::max(front.singles, {}, &search::FrontPoint::accuracy).accuracy;
    return search::cheapest_above(front, best - *target.max_drop);
  }
  return target.accuracy ? search::cheapest_above(front, *target.accuracy) : search::knee_of(front);
}

}  // namespace triage::workflow
