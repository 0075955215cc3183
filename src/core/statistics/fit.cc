#include "core/statistics/fit.h"

namespace triage {

Fit fit_from_json(const JsonReader& json) {
  if (!json.has("fit")) return Fit::squash;
  const std::optional<Fit> fit = fit_from_name(json.get<std::string>("fit"));
  if (!fit) json.at("fit").fail_here("squash, crop or pad");
  return *fit;
}

}  // namespace triage
