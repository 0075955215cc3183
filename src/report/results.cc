#include "report/results.h"

#include <algorithm>
#include <cmath>
#include <fstream>

namespace triage::report {
namespace {

constexpr int kResultsVersion = 1;

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

Interval interval(const JsonReader& reader, const std::string& key) {
  const JsonReader field = reader.at(key);
  if (field.size() != 2) field.fail_here("[low, high]");
  return {field.at(std::size_t{0}).as<double>(), field.at(std::size_t{1}).as<double>()};
}

std::vector<double> numbers(const JsonReader& reader, const std::string& key) {
  const JsonReader field = reader.at(key);
  std::vector<double> values;
  for (std::size_t i = 0; i < field.size(); ++i) values.push_back(field.at(i).as<double>());
  return values;
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
  return {.thresholds = reader.has("thresholds") ? numbers(reader, "thresholds") : std::vector<double>(),
          .accuracy = fraction(reader, "accuracy"),
          .latency_us = positive(reader, "latency_us"),
          .escalation = fraction(reader, "escalation")};
}

Policy read_policy(const std::string& name, const JsonReader& reader) {
  Policy policy{.name = name, .curve = list<CurvePoint>(reader, "curve", read_point)};
  if (policy.curve.empty()) reader.fail_here("a curve with at least one point");
  std::ranges::stable_sort(policy.curve, {}, &CurvePoint::latency_us);
  if (present(reader, "apgr")) {
    const JsonReader apgr = reader.at("apgr");
    policy.apgr = optional_number(apgr, "value");
    if (present(apgr, "interval")) policy.apgr_interval = interval(apgr, "interval");
  }
  if (present(reader, "between_random_and_oracle")) {
    policy.between_random_and_oracle = optional_number(reader.at("between_random_and_oracle"), "value");
  }
  if (present(reader, "calls_for")) {
    const JsonReader calls = reader.at("calls_for");
    policy.calls_for = {optional_number(calls, "50"), optional_number(calls, "80"), optional_number(calls, "95")};
  }
  return policy;
}

StaticNet read_static(const JsonReader& reader) {
  return {.stage = reader.get<std::string>("stage"),
          .accuracy = fraction(reader, "accuracy"),
          .latency_us = positive(reader, "latency_us"),
          .interval = interval(reader, "interval")};
}

ClassFigures read_class(const JsonReader& reader) {
  return {.name = reader.get<std::string>("class"),
          .count = reader.get<std::size_t>("count"),
          .accuracy = fraction(reader, "accuracy"),
          .escalation = fraction(reader, "escalation")};
}

std::vector<std::size_t> read_row(const JsonReader& reader) {
  std::vector<std::size_t> row;
  for (std::size_t i = 0; i < reader.size(); ++i) row.push_back(reader.at(i).as<std::size_t>());
  return row;
}

std::vector<std::size_t> read_mistake(const JsonReader& reader) {
  if (reader.size() != 3) reader.fail_here("a class, the class answered and a number of images");
  return read_row(reader);
}

OperatingPoint read_operating_point(const JsonReader& reader) {
  return {.policy = reader.get<std::string>("policy"),
          .thresholds = numbers(reader, "thresholds"),
          .exit_share = numbers(reader, "exit_share"),
          .accuracy = fraction(reader, "accuracy"),
          .latency_us = positive(reader, "latency_us"),
          .interval = interval(reader, "interval"),
          .per_class = list<ClassFigures>(reader, "per_class", read_class),
          .confusion = list<std::vector<std::size_t>>(reader, "confusion", read_row),
          .mistakes = list<std::vector<std::size_t>>(reader, "mistakes", read_mistake)};
}

ReliabilityBin read_bin(const JsonReader& reader) {
  const std::size_t count = reader.get<std::size_t>("count");
  if (count == 0) return {.low = fraction(reader, "low"), .high = fraction(reader, "high")};
  return {.low = fraction(reader, "low"),
          .high = fraction(reader, "high"),
          .confidence = fraction(reader, "confidence"),
          .accuracy = fraction(reader, "accuracy"),
          .count = count};
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
  ApgrDifference difference{.a = reader.get<std::string>("a"),
                            .b = reader.get<std::string>("b"),
                            .value = optional_number(reader, "apgr_difference")};
  if (present(reader, "interval")) difference.interval = interval(reader, "interval");
  return difference;
}

PairedTest read_paired(const JsonReader& reader) {
  return {.a = reader.get<std::string>("a"),
          .b = reader.get<std::string>("b"),
          .at_latency_us = positive(reader, "at_latency_us"),
          .difference_points = reader.get<double>("difference_points"),
          .mcnemar_p = fraction(reader, "mcnemar_p"),
          .interval = interval(reader, "interval")};
}

Example read_example(const JsonReader& reader) {
  return {.index = reader.get<std::uint32_t>("index"),
          .label = reader.get<int>("label"),
          .predicted = reader.get<int>("predicted"),
          .exit = reader.get<int>("exit"),
          .score = reader.get<double>("score")};
}

void check_examples(const JsonReader& reader, const std::vector<Example>& examples, std::size_t classes,
                    std::size_t stages) {
  for (const Example& example : examples) {
    if (example.label < 0 || static_cast<std::size_t>(example.label) >= classes || example.predicted < 0 ||
        static_cast<std::size_t>(example.predicted) >= classes) {
      reader.fail_here(std::format("labels below {}", classes));
    }
    if (example.exit < 0 || static_cast<std::size_t>(example.exit) >= stages) {
      reader.fail_here(std::format("exits below {}", stages));
    }
  }
}

Evaluation read_evaluation(const JsonReader& reader, std::size_t classes, std::size_t stages) {
  Evaluation e{.dataset = reader.get<std::string>("dataset"),
               .path = reader.get_or<std::string>("path", ""),
               .count = reader.get<std::size_t>("count"),
               .static_nets = list<StaticNet>(reader, "static", read_static)};
  const JsonReader policies = reader.at("policies");
  if (!policies.json().is_object()) policies.fail_here("an object of policies");
  for (const auto& [name, value] : policies.json().items()) {
    if (!value.is_null()) e.policies.push_back(read_policy(name, policies.at(name)));
  }
  e.operating_point = read_operating_point(reader.at("operating_point"));
  if (e.operating_point.exit_share.size() != stages) {
    reader.at("operating_point").at("exit_share").fail_here(std::format("{} shares, one for each stage", stages));
  }
  e.calibration = list<Calibration>(reader, "calibration", read_calibration);
  e.apgr_differences = list<ApgrDifference>(reader, "apgr_differences", read_difference);
  e.paired_tests = list<PairedTest>(reader, "paired_tests", read_paired);
  if (present(reader, "latency")) {
    const JsonReader latency = reader.at("latency");
    e.latency = {.predicted_us = positive(latency, "predicted_us"),
                 .measured_us = positive(latency, "measured_us"),
                 .error_percent = latency.get<double>("error_percent"),
                 .agreement = optional_number(latency, "agreement"),
                 .stored_predicted_us = optional_number(latency, "stored_predicted_us"),
                 .images = latency.get<std::size_t>("images")};
  }
  if (present(reader, "examples")) {
    const JsonReader examples = reader.at("examples");
    e.easiest = list<Example>(examples, "easiest", read_example);
    e.hardest = list<Example>(examples, "hardest", read_example);
    check_examples(examples, e.easiest, classes, stages);
    check_examples(examples, e.hardest, classes, stages);
  }
  return e;
}

StageInfo read_stage(const JsonReader& reader) {
  const JsonReader arch = reader.at("arch");
  return {.name = reader.get<std::string>("name"),
          .arch = arch.json().is_string() ? arch.as<std::string>() : arch.json().dump(),
          .macs = reader.get<std::int64_t>("macs"),
          .parameters = reader.get<std::int64_t>("parameters"),
          .latency_us = optional_number(reader, "latency_us")};
}

void add_measured(const fs::path& plan_file, std::vector<StageInfo>& stages) {
  const Json json = read_json(plan_file);
  const JsonReader list_of_stages = JsonReader(json, plan_file.string()).at("stages");
  for (std::size_t i = 0; i < list_of_stages.size(); ++i) {
    const JsonReader stage = list_of_stages.at(i);
    const auto found = std::ranges::find(stages, stage.get<std::string>("name"), &StageInfo::name);
    if (found == stages.end()) continue;
    found->precision = stage.get_or("precision", std::string("fp32"));
    if (!present(stage, "cost")) continue;
    const JsonReader cost = stage.at("cost");
    found->measured = {.us = summary_from_json(cost.at("latency_us")),
                       .first_inference_us = optional_number(cost, "first_inference_us"),
                       .load_ms = optional_number(cost, "load_ms"),
                       .energy_uj = optional_number(cost, "energy_uj")};
  }
}

// What ran a stage when the costs of its plan were measured.
void add_engines(const fs::path& costs_file, std::vector<StageInfo>& stages) {
  const Json json = read_json(costs_file);
  const JsonReader entries = JsonReader(json, costs_file.string()).at("entries");
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const JsonReader entry = entries.at(i);
    const auto found = std::ranges::find(stages, entry.get<std::string>("stage"), &StageInfo::name);
    if (found == stages.end()) continue;
    const std::string text =
        std::format("{}, {}", entry.get<std::string>("engine"), entry.get<std::string>("provider"));
    if (found->engine.find(text) != std::string::npos) continue;
    found->engine += (found->engine.empty() ? "" : "; ") + text;
  }
}

std::vector<TrainingStep> read_training(const fs::path& file) {
  std::vector<TrainingStep> steps;
  std::ifstream lines(file);
  std::string line;
  for (int n = 1; std::getline(lines, line); ++n) {
    if (line.empty()) continue;
    const std::string origin = std::format("{}:{}", file.string(), n);
    const Json json = parse_json(line, origin);
    const JsonReader reader(json, origin);
    if (!reader.has("stage")) continue;  // other commands may log here too
    steps.push_back({.stage = reader.get<std::string>("stage"),
                     .epoch = reader.get<double>("epoch"),
                     .step = reader.get<double>("step"),
                     .seconds = optional_number(reader, "seconds").value_or(0),
                     .loss = optional_number(reader, "loss"),
                     .train_accuracy = optional_number(reader, "train_accuracy"),
                     .validation_accuracy = optional_number(reader, "validation_accuracy"),
                     .images_per_s = optional_number(reader, "images_per_s")});
  }
  return steps;
}

}  // namespace

double Policy::accuracy_at(double latency_us) const {
  const auto above = std::ranges::lower_bound(curve, latency_us, {}, &CurvePoint::latency_us);
  if (above == curve.begin()) return curve.front().accuracy;
  if (above == curve.end()) return curve.back().accuracy;
  const CurvePoint &a = *std::prev(above), &b = *above;
  const double t = (latency_us - a.latency_us) / std::max(b.latency_us - a.latency_us, 1e-12);
  return std::lerp(a.accuracy, b.accuracy, t);
}

const Policy* Evaluation::find_policy(const std::string& name) const {
  const auto found = std::ranges::find(policies, name, &Policy::name);
  return found == policies.end() ? nullptr : &*found;
}
const StaticNet* Evaluation::find_static(const std::string& stage) const {
  const auto found = std::ranges::find(static_nets, stage, &StaticNet::stage);
  return found == static_nets.end() ? nullptr : &*found;
}
double Evaluation::escalation() const { return 1 - operating_point.exit_share.front(); }

Results results_from_json(const Json& json, const std::string& origin) {
  const JsonReader reader(json, origin);
  if (const int version = reader.get<int>("version"); version != kResultsVersion) {
    reader.at("version").fail_here(std::format("version {}", kResultsVersion));
  }
  const JsonReader plan = reader.at("plan");
  Results results{.plan_name = plan.get<std::string>("name"),
                  .policy = plan.get<std::string>("policy"),
                  .stages = list<StageInfo>(plan, "stages", read_stage),
                  .provenance = reader.has("provenance") ? reader.at("provenance").json() : Json::object()};
  const JsonReader classes = plan.at("classes");
  for (std::size_t i = 0; i < classes.size(); ++i) results.classes.push_back(classes.at(i).as<std::string>());
  if (results.stages.empty()) plan.fail_here("at least one stage");
  results.test = read_evaluation(reader.at("test"), results.classes.size(), results.stages.size());
  if (present(reader, "shift")) {
    results.shift = read_evaluation(reader.at("shift"), results.classes.size(), results.stages.size());
  }
  return results;
}

Run load_run(const fs::path& run_directory) {
  const fs::path file = run_directory / "results.json";
  if (!fs::exists(file)) {
    fail("{}: not found; `triage eval` writes it, a report needs it", file.string());
  }
  Run run{.results = results_from_json(read_json(file), file.string())};
  if (const fs::path plan = run_directory / "plan" / "plan.json"; fs::exists(plan)) {
    add_measured(plan, run.results.stages);
  }
  if (const fs::path costs = run_directory / "costs.json"; fs::exists(costs)) add_engines(costs, run.results.stages);
  if (const fs::path metrics = run_directory / "metrics.jsonl"; fs::exists(metrics))
    run.training = read_training(metrics);
  return run;
}

}  // namespace triage::report
