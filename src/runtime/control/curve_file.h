// curve.json: a plan's measured curve (triage/curve.h) beside plan.json. docs/formats.md has its fields.
#pragma once

#include <string>

#include "plan/plan.h"
#include "triage/curve.h"

namespace triage::runtime {

inline constexpr auto kCurveFile = "curve.json";
inline constexpr int kCurveVersion = 1;
inline constexpr std::size_t kMaxCurvePoints = 1024, kMaxScoreKnots = 4096;

// What answers and scores follow from, as a SHA-256: stages' files, temperatures, routers, answer weights, policy.
// Thresholds, costs and compiled kernels are not in it.
std::string curve_identity(const plan::Plan& plan);

// provenance: of the making, for people. Reading checks everything; throws Error, where the curve is of another plan,
// too.
Json to_json(const PlanCurve& curve, const plan::Plan& plan, const Json& provenance);
PlanCurve curve_from_json(const Json& json, const plan::Plan& plan, const std::string& origin);

// The provenance is made of the plan's machine and engine, which its costs are of. data: name and checksum of the data
// set.
void save_curve(const fs::path& file, const PlanCurve& curve, const plan::Plan& plan, const Json& data);

}  // namespace triage::runtime
