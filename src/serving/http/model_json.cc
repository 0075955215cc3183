#include "serving/http/model_json.h"

#include "serving/http/infer_request.h"

namespace triage::serving {
namespace {

// A sum of microseconds as the statistics extension has it.
Json duration(std::uint64_t count, double microseconds) {
  return {{"count", count}, {"ns", static_cast<std::uint64_t>(microseconds * 1000)}};
}

int or_any(int size) { return size == 0 ? -1 : size; }

Json curve_json(const PlanCurve& curve) {
  Json points = Json::array();
  for (const OperatingPoint& point : curve.points) {
    points.push_back({{"thresholds", point.thresholds},
                      {"accuracy", point.accuracy},
                      {"mean_latency_us", point.mean_latency_us},
                      {"exit_share", point.exit_share}});
  }
  return {{"metric", curve.metric}, {"split", curve.split}, {"images", curve.images}, {"points", std::move(points)}};
}

}  // namespace

Json server_json() {
  return {{"name", "triage"},
          {"version", version()},
          {"extensions", {"binary_tensor_data", "classification", "model_repository", "statistics", "parameters"}}};
}

Json model_json(const ServedPlan& plan, const std::vector<std::string>& versions) {
  const ClassifierInfo& info = plan.info;
  Json outputs = Json::array();
  for (const OutputType& type : output_types()) {
    Json shape = {-1};
    if (type.name == "logits" || type.name == "probabilities") shape.push_back(info.classes.size());
    if (type.name == "scores") shape.push_back(info.stages.size());
    outputs.push_back({{"name", type.name}, {"datatype", type.datatype}, {"shape", std::move(shape)}});
  }
  return {{"name", plan.name},
          {"versions", versions},
          {"platform", "triage_plan"},
          {"inputs",
           {{{"name", "image"},
             {"datatype", "UINT8"},
             {"shape", {-1, or_any(info.height), or_any(info.width), info.channels}}}}},
          {"outputs", std::move(outputs)}};
}

Json plan_json(const ServedPlan& plan, const PlanCurve* curve) {
  const ClassifierInfo& info = plan.info;
  const plan::Plan& file = plan.scheduler->stages().plan();
  Json json{{"name", plan.name},       {"version", plan.version},   {"height", info.height},
            {"width", info.width},     {"channels", info.channels}, {"fit", info.fit},
            {"policy", info.policy},   {"engine", info.engine},     {"engine_note", info.engine_note},
            {"classes", info.classes}, {"stages", info.stages},     {"thresholds", plan.scheduler->thresholds()}};
  Json own = Json::array(), costs = Json::array();
  for (const plan::Stage& stage : file.stages) {
    costs.push_back(stage.cost ? Json(stage.cost->latency_us.mean) : Json());
    if (own.size() + 1 < file.stages.size()) own.push_back(stage.exit.threshold);
  }
  json["plan_thresholds"] = std::move(own);
  json["stage_us"] = std::move(costs);
  if (curve != nullptr) json["curve"] = curve_json(*curve);
  return json;
}

Json stats_json(const ServedPlan& plan) {
  const PlanStatistics all = plan.metrics->statistics();
  return {{"name", plan.name},
          {"version", plan.version},
          {"inference_count", all.inference_count},
          {"execution_count", all.exec_count},
          {"inference_stats",
           {{"success", duration(all.success, all.success_us)},
            {"fail", duration(all.failure, all.failure_us)},
            {"queue", duration(all.success, all.queue_us)},
            {"compute_input", duration(all.exec_count, all.input_us)},
            {"compute_infer", duration(all.exec_count, all.infer_us)},
            {"compute_output", duration(all.exec_count, all.output_us)}}},
          {"exits", all.exits}};
}

std::string http_metrics_text(const HttpCounts& counts) {
  std::string text =
      "# HELP triage_http_responses_total Answers by the first digit of their status\n"
      "# TYPE triage_http_responses_total counter\n";
  for (std::size_t i = 2; i < std::size(counts.answers); ++i)
    text += std::format("triage_http_responses_total{{code=\"{}xx\"}} {}\n", i, counts.answers[i].load());
  const auto add = [&](std::string_view name, std::string_view type, std::string_view help, std::uint64_t value) {
    text += std::format("# HELP triage_http_{0} {2}\n# TYPE triage_http_{0} {1}\ntriage_http_{0} {3}\n", name, type,
                        help, value);
  };
  add("connections_total", "counter", "Connections taken", counts.connections);
  add("open_connections", "gauge", "Connections that are open", counts.open);
  add("received_bytes_total", "counter", "Bytes of requests' bodies", counts.received_bytes);
  add("sent_bytes_total", "counter", "Bytes of answers", counts.sent_bytes);
  add("buffered_bytes", "gauge", "Memory for requests that are read or worked on", counts.buffered_bytes);
  return text;
}

}  // namespace triage::serving
