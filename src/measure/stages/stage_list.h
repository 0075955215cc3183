// stages.json: stages without a plan, for a search that asks what shapes cost (docs/formats.md).
#pragma once

#include "plan/plan.h"

namespace triage::measure {

// Of the plan's stages what a measurement needs: names, files, what they start from.
Json stage_list_to_json(const plan::Plan& plan);

// A plan of which only `name`, `input` and these fields of the stages are set.
plan::Plan stage_list_from_json(const Json& json, const std::string& origin);

// The plan of a directory: plan.json where there is one (whole: true), else stages.json.
struct Measurable {
  plan::Plan plan;
  bool whole = false;
};
Measurable load_measurable(const fs::path& directory);

}  // namespace triage::measure
