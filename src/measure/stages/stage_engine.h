// What ProfileOptions::provider stands for (engine/names.h): the engine that runs a plan's stages, and rows of costs.
#pragma once

#include <memory>
#include <string>

#include "cost_tables/cost_table.h"
#include "engine/session.h"
#include "engine/spec.h"
#include "plan/plan.h"

namespace triage::measure {

inline constexpr const char* kWholePlan = "plan";  // the row of all stages together

std::string engine_version_of(const std::string& provider);  // cost::CostTable::engine_version
bool runs_plans(const std::string& provider);                // Classifier can use it

// Of a stage's row. stage: null for the whole plan, whose precision is always written as fp32.
cost::CostKey row_key(const std::string& provider, const plan::Stage* stage, int threads, int batch);

// The file that the provider runs. Throws Error when the stage was not compiled and should be.
fs::path stage_file(const plan::Stage& stage, const fs::path& directory, const std::string& provider);

// profile: as engine::SessionOptions::profile. Throws Error.
std::unique_ptr<engine::Session> open_stage(const plan::Stage& stage, const fs::path& directory, int threads,
                                            const std::string& provider, const std::string& profile = {});

}  // namespace triage::measure
