// The result files a report is made from, read into plain structs. Latencies are µs per image at batch 1, accuracies
// and shares are fractions in [0, 1]. Formats: docs/formats.md. Everything throws Error naming file and field.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/statistics/statistics.h"

namespace triage::report {

struct CurvePoint {
  std::vector<double> thresholds;  // one per exit but the last
  double accuracy = 0, latency_us = 0, escalation = 0;
};

struct Policy {
  std::string name;  // learned, confidence, entropy, margin, random, oracle
  std::vector<CurvePoint> curve;
  std::optional<double> apgr;  // absent when both nets are equally good
  std::optional<Interval> apgr_interval;
  std::optional<double> between_random_and_oracle;
  double accuracy_at(double latency_us) const;     // between the curve's points
  std::array<std::optional<double>, 3> calls_for;  // share of images sent on for 50, 80, 95 % of the accuracy gap
};

struct Averages {  // beside accuracy; absent in files of before
  std::optional<double> balanced_accuracy, macro_f1, top5_accuracy;
  std::optional<Interval> balanced_interval, macro_f1_interval, top5_interval;
};

struct StaticNet {
  std::string stage;
  double accuracy = 0, latency_us = 0;
  Interval interval;
  Averages averages;
  std::optional<double> measured_us;  // in the session that ran the plan for real
};

struct ClassFigures {
  std::string name;
  std::size_t count = 0;  // with no images behind it a figure is absent
  std::optional<double> recall, precision, f1, escalation;
  std::optional<Interval> recall_interval, precision_interval;
};

struct OperatingPoint {
  std::string policy;
  std::vector<double> thresholds, exit_share;
  std::vector<std::optional<double>> exit_accuracy;  // of the images that leave there; may be empty
  double accuracy = 0, latency_us = 0;
  Interval interval;
  Averages averages;
  std::vector<ClassFigures> per_class;
  std::vector<std::vector<std::size_t>> confusion;  // [true][predicted]; may be empty
  std::vector<std::vector<std::size_t>> mistakes;   // of many classes instead: true, predicted, images; most first
};

struct ReliabilityBin {
  double low = 0, high = 0, confidence = 0, accuracy = 0;
  std::size_t count = 0;
};
struct Reliability {
  double ece = 0;
  std::vector<ReliabilityBin> bins;
};
struct Calibration {
  std::string stage;
  double temperature = 1;
  Reliability before, after;
};

struct ApgrDifference {
  std::string a, b;
  std::optional<double> value;
  std::optional<Interval> interval;
};

struct PairedTest {
  std::string a, b;
  double at_latency_us = 0, difference_points = 0, mcnemar_p = 1;
  Interval interval;
};

struct MeasuredLatency {
  double predicted_us = 0, measured_us = 0, error_percent = 0;
  std::optional<double> agreement, stored_predicted_us;
  std::string engine;  // that ran; empty in files of before
  bool stable = true;
  std::size_t images = 0;
};

struct Example {
  std::uint32_t index = 0;  // into the data set file
  int label = 0, predicted = 0, exit = 0;
  double score = 0;
};

struct Evaluation {
  std::string dataset, path, sha256;  // of its images and labels; empty in files that do not say it
  std::string split = "test";
  bool balanced = false;  // the policies' accuracies are balanced accuracy
  std::vector<std::string> warnings;
  std::size_t count = 0;
  std::vector<StaticNet> static_nets;
  std::vector<Policy> policies;  // in the file's order; none for a plan of one stage
  OperatingPoint operating_point;
  std::vector<Calibration> calibration;
  std::vector<ApgrDifference> apgr_differences;
  std::vector<PairedTest> paired_tests;
  std::optional<MeasuredLatency> latency;
  std::vector<Example> easiest, hardest;

  const Policy* find_policy(const std::string& name) const;
  const StaticNet* find_static(const std::string& stage) const;
  // Of a net alone or the plan, in the metric of the policies' curves.
  struct OnCurve {
    double value;
    Interval interval;
  };
  template <class Net>
  OnCurve on_curve(const Net& net) const {
    const Averages& of = net.averages;
    if (!balanced || !of.balanced_accuracy || !of.balanced_interval) return {net.accuracy, net.interval};
    return {*of.balanced_accuracy, *of.balanced_interval};
  }
  double escalation() const;  // share of images that do not leave at the first exit, at the operating point
};

struct StageLatency {
  Summary us;
  std::optional<double> first_inference_us, load_ms;
  std::optional<double> energy_uj;  // net of the idle machine
};

struct StageInfo {
  std::string name, arch;
  std::int64_t macs = 0, parameters = 0;
  std::optional<double> latency_us;      // mean
  std::optional<StageLatency> measured;  // from plan.json
  std::string precision;                 // from plan.json, "fp32" or "int8"; empty: no plan
  std::string engine;                    // from costs.json: engine and provider that were measured; empty: not there
};

struct Results {
  std::string plan_name, policy;
  std::string costs_engine;                 // that the plan's latencies are of; empty in files of before
  std::vector<std::string> build_warnings;  // of the plan's making
  std::vector<std::string> classes;
  std::vector<StageInfo> stages;
  Json provenance;
  Evaluation test;
  std::optional<Evaluation> shift;
};

// One line of metrics.jsonl.
struct TrainingStep {
  std::string stage;
  double epoch = 0, step = 0, seconds = 0;
  std::optional<double> loss, train_accuracy, validation_accuracy, images_per_s;
};

struct Run {
  Results results;
  std::vector<TrainingStep> training;  // empty when there is no metrics.jsonl
};

// results.json is required; metrics.jsonl and plan/plan.json (latency percentiles) add to it where they exist.
Run load_run(const fs::path& run_directory);
Results results_from_json(const Json& json, const std::string& origin);

}  // namespace triage::report
