// results.json -> structs. Every field is checked here: versions 1 and 2.
#include <algorithm>
#include <cmath>
#include <format>

#include "results/results.h"

namespace triage::results {
namespace {

constexpr int kOldestVersion = 1;

// A finite number within [low, high].
double number(const JsonReader& reader, const std::string& key, double low, double high) {
  const JsonReader field = reader.at(key);
  const double value = field.as<double>();
  if (!(value >= low && value <= high)) field.fail_here(std::format("a number from {} to {}", low, high));
  return value;
}
double fraction(const JsonReader& reader, const std::string& key) { return number(reader, key, 0, 1); }
double positive(const JsonReader& reader, const std::string& key) { return number(reader, key, 0, 1e12); }

bool present(const JsonReader& reader, const std::string& key) {
  return reader.has(key) && !reader.at(key).json().is_null();
}
std::optional<double> optional_number(const JsonReader& reader, const std::string& key) {
  if (!present(reader, key)) return std::nullopt;
  return reader.get<double>(key);
}
std::optional<double> optional_positive(const JsonReader& reader, const std::string& key) {
  if (!present(reader, key)) return std::nullopt;
  return positive(reader, key);
}

Interval interval(const JsonReader& reader, const std::string& key) {
  const JsonReader field = reader.at(key);
  if (field.size() != 2) field.fail_here("[low, high]");
  return {field.at(std::size_t{0}).as<double>(), field.at(std::size_t{1}).as<double>()};
}

std::optional<Interval> optional_interval(const JsonReader& reader, const std::string& key) {
  if (!present(reader, key)) return std::nullopt;
  return interval(reader, key);
}
std::optional<double> optional_fraction(const JsonReader& reader, const std::string& key) {
  if (!present(reader, key)) return std::nullopt;
  return fraction(reader, key);
}

// Empty where it is absent: in files of version 1.
std::vector<double> optional_numbers(const JsonReader& reader, const std::string& key) {
  return present(reader, key) ? reader.get<std::vector<double>>(key) : std::vector<double>();
}

template <class T>
std::vector<T> list(const JsonReader& reader, const std::string& key, T (*read)(const JsonReader&)) {
  std::vector<T> items;
  if (!present(reader, key)) return items;
  const JsonReader field = reader.at(key);
  for (std::size_t i = 0; i < field.size(); ++i) items.push_back(read(field.at(i)));
  return items;
}

CurvePoint read_point(const JsonReader& reader) {
  return {.thresholds = optional_numbers(reader, "thresholds"),
          .accuracy = fraction(reader, "accuracy"),
          .latency_us = positive(reader, "latency_us"),
          .escalation = fraction(reader, "escalation")};
}

JsonReader object(const JsonReader& reader, const std::string& key) {
  JsonReader field = reader.at(key);
  if (!field.json().is_object()) field.fail_here("an object");
  return field;
}

Estimate read_estimate(const JsonReader& reader, const std::string& key) {
  if (!present(reader, key)) return {};
  const JsonReader estimate = object(reader, key);
  return {.value = optional_number(estimate, "value"), .interval = optional_interval(estimate, "interval")};
}

Policy read_policy(const std::string& name, const JsonReader& reader) {
  Policy policy{.name = name,
                .curve = list<CurvePoint>(reader, "curve", read_point),
                .apgr = read_estimate(reader, "apgr"),
                .between_random_and_oracle = read_estimate(reader, "between_random_and_oracle")};
  if (policy.curve.empty()) reader.fail_here("a curve with at least one point");
  std::ranges::stable_sort(policy.curve, {}, &CurvePoint::latency_us);
  if (present(reader, "calls_for")) {
    const JsonReader calls = object(reader, "calls_for");
    policy.calls_for = {optional_number(calls, "50"), optional_number(calls, "80"), optional_number(calls, "95")};
  }
  return policy;
}

std::vector<std::string> read_texts(const JsonReader& reader, const std::string& key) {
  std::vector<std::string> texts;
  if (present(reader, key)) texts = reader.at(key).as<std::vector<std::string>>();
  return texts;
}

Accuracies read_accuracies(const JsonReader& reader) {
  return {.accuracy = fraction(reader, "accuracy"),
          .interval = interval(reader, "interval"),
          .balanced_accuracy = optional_fraction(reader, "balanced_accuracy"),
          .balanced_accuracy_interval = optional_interval(reader, "balanced_accuracy_interval"),
          .macro_f1 = optional_fraction(reader, "macro_f1"),
          .macro_f1_interval = optional_interval(reader, "macro_f1_interval"),
          .top5_accuracy = optional_fraction(reader, "top5_accuracy"),
          .top5_accuracy_interval = optional_interval(reader, "top5_accuracy_interval")};
}

StaticNet read_static(const JsonReader& reader) {
  return {read_accuracies(reader), reader.get<std::string>("stage"), positive(reader, "latency_us")};
}

ClassFigures read_class(const JsonReader& reader) {
  ClassFigures figures{.name = reader.get<std::string>("class"), .count = reader.get<std::size_t>("count")};
  if (!reader.has("recall")) {  // version 1: "accuracy" and "escalation", zeros where there are no images
    if (figures.count == 0) return figures;
    figures.recall = fraction(reader, "accuracy");
    figures.recall_interval = proportion_interval(
        static_cast<std::size_t>(std::llround(*figures.recall * static_cast<double>(figures.count))), figures.count);
    figures.escalation = fraction(reader, "escalation");
    return figures;
  }
  figures.recall = optional_fraction(reader, "recall");
  figures.recall_interval = optional_interval(reader, "recall_interval");
  figures.precision = optional_fraction(reader, "precision");
  figures.precision_interval = optional_interval(reader, "precision_interval");
  figures.f1 = optional_fraction(reader, "f1");
  figures.escalation = optional_fraction(reader, "escalation");
  if (figures.recall.has_value() != (figures.count > 0))
    reader.at("recall").fail_here(figures.count > 0 ? "a share of the images" : "null where there are no images");
  return figures;
}

std::vector<std::size_t> read_row(const JsonReader& reader) { return reader.as<std::vector<std::size_t>>(); }

Mistake read_mistake(const JsonReader& reader) {
  const std::vector<std::size_t> row = read_row(reader);
  if (row.size() != 3) reader.fail_here("a class, the class answered and a number of images");
  return {.label = row[0], .answer = row[1], .images = row[2]};
}

std::vector<std::optional<double>> optional_fractions(const JsonReader& reader, const std::string& key) {
  std::vector<std::optional<double>> out;
  if (!present(reader, key)) return out;
  const JsonReader field = reader.at(key);
  for (std::size_t i = 0; i < field.size(); ++i) {
    const Json value = field.at(i).json();
    out.push_back(value.is_null() ? std::nullopt : std::optional(field.at(i).as<double>()));
  }
  return out;
}

OperatingPoint read_operating_point(const JsonReader& reader) {
  return {read_accuracies(reader),
          reader.get<std::string>("policy"),
          reader.get<std::vector<double>>("thresholds"),
          reader.get<std::vector<double>>("exit_share"),
          optional_fractions(reader, "exit_accuracy"),
          positive(reader, "latency_us"),
          list<ClassFigures>(reader, "per_class", read_class),
          list<std::vector<std::size_t>>(reader, "confusion", read_row),
          list<Mistake>(reader, "mistakes", read_mistake)};
}

ReliabilityBin read_bin(const JsonReader& reader) {
  const std::size_t count = reader.get<std::size_t>("count");
  if (count == 0) return {.low = fraction(reader, "low"), .high = fraction(reader, "high")};
  return {.low = fraction(reader, "low"),
          .high = fraction(reader, "high"),
          .count = count,
          .confidence = fraction(reader, "confidence"),
          .accuracy = fraction(reader, "accuracy")};
}
Reliability read_reliability(const JsonReader& reader) {
  return {.ece = fraction(reader, "ece"), .bins = list<ReliabilityBin>(reader, "bins", read_bin)};
}
Calibration read_calibration(const JsonReader& reader) {
  return {.stage = reader.get<std::string>("stage"),
          .temperature = reader.get<double>("temperature"),
          .before = read_reliability(reader.at("before")),
          .after = read_reliability(reader.at("after"))};
}

ApgrDifference read_difference(const JsonReader& reader) {
  return {
      .a = reader.get<std::string>("a"),
      .b = reader.get<std::string>("b"),
      .apgr = {.value = optional_number(reader, "apgr_difference"), .interval = optional_interval(reader, "interval")}};
}

PairedTest read_paired(const JsonReader& reader) {
  return {.a = reader.get<std::string>("a"),
          .b = reader.get<std::string>("b"),
          .at_latency_us = positive(reader, "at_latency_us"),
          .difference_points = reader.get<double>("difference_points"),
          .interval = interval(reader, "interval"),
          .mcnemar_p = fraction(reader, "mcnemar_p")};
}

Example read_example(const JsonReader& reader) {
  return {.index = reader.get<std::uint32_t>("index"),
          .label = reader.get<Label>("label"),
          .predicted = reader.get<Label>("predicted"),
          .exit = reader.get<int>("exit"),
          .score = reader.get<double>("score")};
}

void check_examples(const JsonReader& reader, const std::vector<Example>& examples, std::size_t classes,
                    std::size_t stages) {
  for (const Example& example : examples) {
    if (example.label >= classes || example.predicted >= classes)
      reader.fail_here(std::format("labels below {}", classes));
    if (example.exit < 0 || static_cast<std::size_t>(example.exit) >= stages) {
      reader.fail_here(std::format("exits below {}", stages));
    }
  }
}

std::optional<RealRun> read_latency(const JsonReader& evaluation) {
  if (!present(evaluation, "latency")) return std::nullopt;
  const JsonReader reader = evaluation.at("latency");
  reader.get<double>("error_percent");  // follows from the others, as the next
  optional_number(reader, "stored_error_percent");
  return RealRun{.images = reader.get<std::size_t>("images"),
                 .measured_us = positive(reader, "measured_us"),
                 .predicted_us = positive(reader, "predicted_us"),
                 .path_us = optional_numbers(reader, "path_us"),
                 .alone_us = optional_numbers(reader, "alone_us"),
                 .agreement = optional_fraction(reader, "agreement"),
                 .stored_predicted_us = optional_positive(reader, "stored_predicted_us"),
                 .stored_path_us = optional_numbers(reader, "stored_path_us"),
                 .stable = reader.get_or<bool>("stable", true),
                 .engine = reader.get_or<std::string>("engine", ""),
                 .engine_note = reader.get_or<std::string>("engine_note", "")};
}

StageFigures read_stage(const JsonReader& reader) {
  const JsonReader arch = reader.at("arch");
  return {.name = reader.get<std::string>("name"),
          .arch = arch.json().is_array() ? arch.json().dump() : arch.as<std::string>(),
          .macs = reader.get<std::int64_t>("macs"),
          .parameters = reader.get<std::int64_t>("parameters"),
          .latency_us = optional_positive(reader, "latency_us")};
}

PlanFigures read_plan(const JsonReader& reader) {
  PlanFigures plan{.name = reader.get<std::string>("name"),
                   .policy = reader.get<std::string>("policy"),
                   .classes = reader.get<std::vector<std::string>>("classes"),
                   .costs_engine = reader.get_or<std::string>("costs_engine", ""),
                   .warnings = read_texts(reader, "warnings"),
                   .stages = list<StageFigures>(reader, "stages", read_stage)};
  if (present(reader, "input")) plan.input = plan::input_shape_from_json(reader.at("input"));
  if (plan.stages.empty()) reader.fail_here("at least one stage");
  return plan;
}

}  // namespace

Evaluation evaluation_from_json(const JsonReader& reader, std::size_t classes, std::size_t stages) {
  Evaluation e{.dataset = reader.get<std::string>("dataset"),
               .path = reader.get_or<std::string>("path", ""),
               .sha256 = reader.get_or<std::string>("sha256", ""),
               .split = reader.get_or<std::string>("split", "test"),
               .count = reader.get<std::size_t>("count"),
               .static_nets = list<StaticNet>(reader, "static", read_static)};
  if (reader.has("metric"))
    e.metric = plan::metric_from_string(reader.get<std::string>("metric"), reader.at("metric").where());
  const JsonReader policies = object(reader, "policies");
  for (const auto& [name, value] : policies.json().items()) {
    if (!value.is_null()) e.policies.push_back(read_policy(name, policies.at(name)));
  }
  e.apgr_differences = list<ApgrDifference>(reader, "apgr_differences", read_difference);
  e.operating_point = read_operating_point(reader.at("operating_point"));
  if (e.operating_point.exit_share.size() != stages) {
    reader.at("operating_point").at("exit_share").fail_here(std::format("{} shares, one for each stage", stages));
  }
  e.calibration = list<Calibration>(reader, "calibration", read_calibration);
  e.paired_tests = list<PairedTest>(reader, "paired_tests", read_paired);
  e.warnings = read_texts(reader, "warnings");
  e.latency = read_latency(reader);
  if (present(reader, "examples")) {
    const JsonReader examples = object(reader, "examples");
    e.easiest = list<Example>(examples, "easiest", read_example);
    e.hardest = list<Example>(examples, "hardest", read_example);
    check_examples(examples, e.easiest, classes, stages);
    check_examples(examples, e.hardest, classes, stages);
  }
  return e;
}

Results results_from_json(const Json& json, const std::string& origin) {
  const JsonReader reader(json, origin);
  if (const int version = reader.get<int>("version"); version < kOldestVersion || version > kResultsVersion) {
    reader.at("version").fail_here(std::format("version {} to {}", kOldestVersion, kResultsVersion));
  }
  Results results{.plan = read_plan(reader.at("plan")),
                  .provenance = reader.has("provenance") ? object(reader, "provenance").json() : Json::object()};
  const std::size_t classes = results.plan.classes.size(), stages = results.plan.stages.size();
  results.test = evaluation_from_json(reader.at("test"), classes, stages);
  if (present(reader, "shift")) results.shift = evaluation_from_json(reader.at("shift"), classes, stages);
  return results;
}

Results load_results(const fs::path& file) { return results_from_json(read_sealed_json(file), file.string()); }

}  // namespace triage::results
