#include "runtime/control/curve_file.h"

#include <algorithm>
#include <cmath>

#include "core/system/machine.h"
#include "engine/status.h"

namespace triage::runtime {
namespace {

constexpr double kMaxMicroseconds = 1e12;

Json point_to_json(const OperatingPoint& point) {
  return {{"thresholds", point.thresholds},
          {"accuracy", point.accuracy},
          {"mean_latency_us", point.mean_latency_us},
          {"exit_share", point.exit_share},
          {"agreement", point.agreement}};
}

std::vector<double> shares_from_json(const JsonReader& json, std::size_t count) {
  if (json.size() != count) json.fail_here(std::format("a list of {}", count));
  const auto shares = json.as<std::vector<double>>();
  for (std::size_t i = 0; i < count; ++i)
    if (!(shares[i] >= 0 && shares[i] <= 1)) json.at(i).fail_here("a share from 0 to 1");
  return shares;
}

OperatingPoint point_from_json(const JsonReader& json, std::size_t stages) {
  OperatingPoint point;
  const JsonReader thresholds = json.at("thresholds");
  if (thresholds.size() != stages - 1) thresholds.fail_here(std::format("a list of {}", stages - 1));
  point.thresholds = thresholds.as<std::vector<double>>();
  point.accuracy = json.get_in("accuracy", 0.0, 1.0);
  point.mean_latency_us = json.get_in("mean_latency_us", 0.0, kMaxMicroseconds);
  point.exit_share = shares_from_json(json.at("exit_share"), stages);
  double sum = 0;
  for (const double share : point.exit_share) sum += share;
  if (std::abs(sum - 1) > 1e-3) fail("{}: expected shares that add up to 1, found {}", json.where(), sum);
  point.agreement = shares_from_json(json.at("agreement"), stages - 1);
  return point;
}

std::vector<ScoreKnot> knots_from_json(const JsonReader& json) {
  if (json.size() < 1 || json.size() > kMaxScoreKnots) json.fail_here(std::format("1 to {} knots", kMaxScoreKnots));
  std::vector<ScoreKnot> knots;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const JsonReader pair = json.at(i);
    const auto both = pair.as<std::vector<double>>();
    if (both.size() != 2) pair.fail_here("a score and a share");
    const ScoreKnot knot{both[0], both[1]};
    const bool rises = knots.empty() || (knot.score > knots.back().score && knot.share > knots.back().share);
    if (!rises || !(knot.share > 0 && knot.share <= 1)) pair.fail_here("a score and a share above those before");
    knots.push_back(knot);
  }
  return knots;
}

}  // namespace

std::string curve_identity(const plan::Plan& plan) {
  const Json json = plan::to_json(plan);
  Json parts = {{"policy", json.at("policy")}, {"stages", Json::array()}};
  for (const Json& stage : json.at("stages")) {
    Json exit = stage.at("exit");
    exit.erase("threshold");
    parts["stages"].push_back({{"sha256", stage.at("sha256")}, {"exit", std::move(exit)}});
  }
  return sha256_hex(parts.dump());
}

Json to_json(const PlanCurve& curve, const plan::Plan& plan, const Json& provenance) {
  Json json = {{"version", kCurveVersion}, {"plan", curve_identity(plan)},    {"metric", curve.metric},
               {"split", curve.split},     {"images", curve.images},          {"path_us", curve.path_us},
               {"points", Json::array()},  {"own", point_to_json(curve.plan)}};
  for (const OperatingPoint& point : curve.points) json["points"].push_back(point_to_json(point));
  json["scores"] = Json::array();
  for (const auto& knots : curve.scores) {
    Json list = Json::array();
    for (const ScoreKnot& knot : knots) list.push_back({knot.score, knot.share});
    json["scores"].push_back(std::move(list));
  }
  json["provenance"] = provenance;
  return json;
}

PlanCurve curve_from_json(const Json& json, const plan::Plan& plan, const std::string& origin) {
  const JsonReader reader(json, origin);
  reader.get_in("version", 1, kCurveVersion);
  if (reader.get<std::string>("plan") != curve_identity(plan)) {
    fail(
        "{}: expected the curve of plan '{}', found that of other networks, temperatures, routers or another policy; "
        "'triage curve' makes it anew",
        origin, plan.name);
  }
  const std::size_t stages = plan.stages.size();
  PlanCurve curve;
  curve.metric =
      plan::to_string(plan::metric_from_string(reader.get<std::string>("metric"), reader.at("metric").where()));
  curve.split = reader.get<std::string>("split");
  curve.images = reader.get_in<std::size_t>("images", 1, std::size_t{1} << 40);
  const JsonReader path = reader.at("path_us");
  if (path.size() != stages) path.fail_here(std::format("a list of {}", stages));
  curve.path_us = path.as<std::vector<double>>();
  for (std::size_t s = 0; s < stages; ++s) {
    const double before = s == 0 ? 0 : curve.path_us[s - 1];
    if (!(curve.path_us[s] >= before && curve.path_us[s] <= kMaxMicroseconds))
      path.at(s).fail_here(std::format("a cost of at least {}", before));
  }
  const JsonReader points = reader.at("points");
  if (points.size() < 1 || points.size() > kMaxCurvePoints)
    points.fail_here(std::format("1 to {} points", kMaxCurvePoints));
  for (std::size_t i = 0; i < points.size(); ++i) {
    OperatingPoint point = point_from_json(points.at(i), stages);
    if (i > 0 &&
        !(point.mean_latency_us > curve.points.back().mean_latency_us && point.accuracy > curve.points.back().accuracy))
      points.at(i).fail_here("a point that is dearer and more accurate than the one before");
    curve.points.push_back(std::move(point));
  }
  curve.plan = point_from_json(reader.at("own"), stages);
  const JsonReader scores = reader.at("scores");
  if (scores.size() != stages - 1) scores.fail_here(std::format("a list of {}", stages - 1));
  for (std::size_t exit = 0; exit + 1 < stages; ++exit) curve.scores.push_back(knots_from_json(scores.at(exit)));
  if (reader.has("provenance") && !reader.at("provenance").json().is_object())
    reader.at("provenance").fail_here("an object");
  return curve;
}

void save_curve(const fs::path& file, const PlanCurve& curve, const plan::Plan& plan, const Json& data) {
  const Json& made = plan.provenance;
  Json provenance = {{"data", data}, {"git", git_revision()}, {"date", iso_time_now()}};
  for (const char* field : {"engine", "threads", "machine"})
    if (made.contains(field)) provenance[field] = made.at(field);
  const Json json = to_json(curve, plan, provenance);
  curve_from_json(json, plan, file.string());  // what could not be read back is not written
  write_sealed_json(file, json);
}

}  // namespace triage::runtime

namespace triage {

Result<PlanCurve> load_curve(const std::string& plan_directory) {
  try {
    const fs::path directory(plan_directory), file = directory / runtime::kCurveFile;
    const plan::Plan plan = plan::load_plan(directory);
    std::error_code ignored;
    if (fs::status(file, ignored).type() == fs::file_type::not_found) {
      engine::fail_with(ErrorCode::not_found, "{}: no such file; 'triage curve {} --data FILE' makes it", file.string(),
                        plan_directory);
    }
    return runtime::curve_from_json(read_sealed_json(file), plan, file.string());
  } catch (...) {
    return engine::current_error();
  }
}

}  // namespace triage
