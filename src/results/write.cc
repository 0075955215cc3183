// Structs -> results.json, in the order the fields have had since version 1.
#include "results/results.h"

namespace triage::results {
namespace {

Json or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json to_json(const Interval& interval) { return Json::array({interval.low, interval.high}); }
Json or_null(const std::optional<Interval>& interval) { return interval ? to_json(*interval) : Json(nullptr); }

template <class T>
Json list(const std::vector<T>& items, Json (*write)(const T&)) {
  Json json = Json::array();
  for (const T& item : items) json.push_back(write(item));
  return json;
}

Json write(const CurvePoint& point) {
  return {{"thresholds", point.thresholds},
          {"accuracy", point.accuracy},
          {"latency_us", point.latency_us},
          {"escalation", point.escalation}};
}

Json write(const Estimate& estimate) {
  return {{"value", or_null(estimate.value)}, {"interval", or_null(estimate.interval)}};
}

Json write(const Policy& policy) {
  return {{"curve", list<CurvePoint>(policy.curve, write)},
          {"apgr", write(policy.apgr)},
          {"between_random_and_oracle", write(policy.between_random_and_oracle)},
          {"calls_for",
           {{"50", or_null(policy.calls_for[0])},
            {"80", or_null(policy.calls_for[1])},
            {"95", or_null(policy.calls_for[2])}}}};
}

Json write(const ApgrDifference& difference) {
  return {{"a", difference.a},
          {"b", difference.b},
          {"apgr_difference", or_null(difference.apgr.value)},
          {"interval", or_null(difference.apgr.interval)}};
}

Json write(const StaticNet& net) {
  Json json = {{"stage", net.stage}};
  put(json, net);
  json["latency_us"] = net.latency_us;
  return json;
}

Json write(const ClassFigures& figures) {
  return {{"class", figures.name},
          {"count", figures.count},
          {"recall", or_null(figures.recall)},
          {"recall_interval", or_null(figures.recall_interval)},
          {"precision", or_null(figures.precision)},
          {"precision_interval", or_null(figures.precision_interval)},
          {"f1", or_null(figures.f1)},
          {"escalation", or_null(figures.escalation)}};
}

Json write(const Mistake& mistake) { return Json::array({mistake.label, mistake.answer, mistake.images}); }

Json write(const OperatingPoint& at) {
  Json json = {{"policy", at.policy}, {"thresholds", at.thresholds}};
  put(json, at);
  json["latency_us"] = at.latency_us;
  json["exit_share"] = at.exit_share;
  json["exit_accuracy"] = Json::array();
  for (const std::optional<double>& right : at.exit_accuracy) json["exit_accuracy"].push_back(or_null(right));
  json["per_class"] = list<ClassFigures>(at.per_class, write);
  if (at.confusion.empty())
    json["mistakes"] = list<Mistake>(at.mistakes, write);
  else
    json["confusion"] = at.confusion;
  return json;
}

Json write(const ReliabilityBin& bin) {
  const bool any = bin.count > 0;
  return {{"low", bin.low},
          {"high", bin.high},
          {"count", bin.count},
          {"confidence", any ? Json(bin.confidence) : Json(nullptr)},
          {"accuracy", any ? Json(bin.accuracy) : Json(nullptr)}};
}

Json write(const Reliability& reliability) {
  return {{"ece", reliability.ece}, {"bins", list<ReliabilityBin>(reliability.bins, write)}};
}

Json write(const Calibration& stage) {
  return {{"stage", stage.stage},
          {"temperature", stage.temperature},
          {"before", write(stage.before)},
          {"after", write(stage.after)}};
}

Json write(const RealRun& run) {
  Json json = {{"predicted_us", run.predicted_us},
               {"measured_us", run.measured_us},
               {"error_percent", run.error_percent()},
               {"images", run.images},
               {"engine", run.engine},
               {"engine_note", run.engine_note},
               {"agreement", or_null(run.agreement)},
               {"stable", run.stable},
               {"path_us", run.path_us},
               {"alone_us", run.alone_us},
               {"stored_predicted_us", or_null(run.stored_predicted_us)},
               {"stored_error_percent", nullptr},
               {"stored_path_us", run.stored_path_us}};
  if (run.stored_predicted_us) json["stored_error_percent"] = error_percent(*run.stored_predicted_us, run.measured_us);
  return json;
}

Json write(const Example& example) {
  return {{"index", example.index},
          {"label", example.label},
          {"predicted", example.predicted},
          {"exit", example.exit},
          {"score", example.score}};
}

Json write(const StageFigures& stage) {
  return {{"name", stage.name},
          {"arch", stage.arch},
          {"macs", stage.macs},
          {"parameters", stage.parameters},
          {"latency_us", or_null(stage.latency_us)}};
}

Json write(const PlanFigures& plan) {
  return {{"name", plan.name},
          {"policy", plan.policy},
          {"classes", plan.classes},
          {"input", plan.input ? plan::to_json(*plan.input) : Json(nullptr)},
          {"costs_engine", plan.costs_engine},
          {"warnings", plan.warnings},
          {"stages", list<StageFigures>(plan.stages, write)}};
}

}  // namespace

void put(Json& json, const Accuracies& of) {
  json["accuracy"] = of.accuracy;
  json["interval"] = to_json(of.interval);
  json["balanced_accuracy"] = or_null(of.balanced_accuracy);
  json["balanced_accuracy_interval"] = or_null(of.balanced_accuracy_interval);
  json["macro_f1"] = or_null(of.macro_f1);
  json["macro_f1_interval"] = or_null(of.macro_f1_interval);
  json["top5_accuracy"] = or_null(of.top5_accuracy);
  json["top5_accuracy_interval"] = or_null(of.top5_accuracy_interval);
}

Json to_json(const PairedTest& test) {
  return {{"a", test.a},
          {"b", test.b},
          {"at_latency_us", test.at_latency_us},
          {"difference_points", test.difference_points},
          {"interval", to_json(test.interval)},
          {"mcnemar_p", test.mcnemar_p}};
}

Json to_json(const Evaluation& e) {
  Json json = {{"dataset", e.dataset},
               {"split", e.split},
               {"count", e.count},
               {"static", list<StaticNet>(e.static_nets, write)},
               {"metric", plan::to_string(e.metric)},
               {"policies", Json::object()}};
  for (const Policy& policy : e.policies) json["policies"][policy.name] = write(policy);
  json["apgr_differences"] = list<ApgrDifference>(e.apgr_differences, write);
  json["operating_point"] = write(e.operating_point);
  json["calibration"] = list<Calibration>(e.calibration, write);
  json["paired_tests"] = list<PairedTest>(e.paired_tests, to_json);
  json["warnings"] = e.warnings;
  json["latency"] = e.latency ? write(*e.latency) : Json(nullptr);
  json["examples"] = {{"easiest", list<Example>(e.easiest, write)}, {"hardest", list<Example>(e.hardest, write)}};
  json["path"] = e.path;
  json["sha256"] = e.sha256;
  return json;
}

Json to_json(const Results& results) {
  return {{"version", kResultsVersion},
          {"plan", write(results.plan)},
          {"provenance", results.provenance},
          {"test", to_json(results.test)},
          {"shift", results.shift ? to_json(*results.shift) : Json(nullptr)}};
}

void save_results(const fs::path& file, const Results& results) {
  const Json json = to_json(results);
  results_from_json(json, file.string());  // what could not be read back is not written
  write_sealed_json(file, json);
}

}  // namespace triage::results
