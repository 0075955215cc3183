// The figures that results.json is made of (evaluation.h has the whole). Latencies are µs per image at batch 1,
// accuracies and shares are fractions in [0, 1], intervals are at 95 %. What no image stands behind is absent (null in
// the file). The file's fields: docs/schema/results.schema.json.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/label.h"
#include "core/statistics/statistics.h"

namespace triage::results {

struct Accuracies {  // of one answer to every image; the averages are absent in files of version 1
  double accuracy = 0;
  Interval interval;
  std::optional<double> balanced_accuracy;  // mean of the classes' recalls
  std::optional<Interval> balanced_accuracy_interval;
  std::optional<double> macro_f1;
  std::optional<Interval> macro_f1_interval;
  std::optional<double> top5_accuracy;  // of more than 5 classes
  std::optional<Interval> top5_accuracy_interval;
};

struct StaticNet : Accuracies {  // a stage alone, for every image
  std::string stage;
  double latency_us = 0;  // by the plan's costs
};

struct CurvePoint {
  std::vector<double> thresholds;  // one per exit but the last
  double accuracy = 0, latency_us = 0, escalation = 0;
};

struct Estimate {
  std::optional<double> value;
  std::optional<Interval> interval;
};

struct Policy {
  std::string name;               // learned, confidence, entropy, margin, random, oracle
  std::vector<CurvePoint> curve;  // rising latency, at least one
  Estimate apgr;                  // absent when both nets are equally good
  Estimate between_random_and_oracle;
  std::array<std::optional<double>, 3> calls_for;  // share of images sent on for 50, 80, 95 % of the accuracy gap

  double accuracy_at(double latency_us) const;  // between the curve's points
};

struct ApgrDifference {  // a minus b, over the same resamples of the images
  std::string a, b;
  Estimate apgr;
};

struct ClassFigures {
  std::string name;
  std::size_t count = 0;
  std::optional<double> recall, precision, f1, escalation;
  std::optional<Interval> recall_interval, precision_interval;
};

struct Mistake {  // images of class `label` that were answered with `answer`
  std::size_t label = 0, answer = 0, images = 0;
};

struct OperatingPoint : Accuracies {  // the plan at its own thresholds
  std::string policy;
  std::vector<double> thresholds, exit_share;
  std::vector<std::optional<double>> exit_accuracy;  // of the images that leave there; empty in files of version 1
  double latency_us = 0;                             // mean, by the plan's costs
  std::vector<ClassFigures> per_class;
  std::vector<std::vector<std::size_t>> confusion;  // [true][answered]; empty: there are too many classes
  std::vector<Mistake> mistakes;                    // then the most frequent ones instead, most first
};

struct ReliabilityBin {  // confidences in (low, high]; the first bin also holds 0
  double low = 0, high = 0;
  std::size_t count = 0;
  double confidence = 0, accuracy = 0;  // means over the bin; null in the file when it is empty
};

struct Reliability {
  double ece = 0;  // sum over bins of count / n * |accuracy - confidence|
  std::vector<ReliabilityBin> bins;
};

struct Calibration {  // of a stage, before (temperature 1) and after its exit's temperature
  std::string stage;
  double temperature = 1;
  Reliability before, after;
};

struct PairedTest {  // a minus b on the same images
  std::string a, b;
  double at_latency_us = 0, difference_points = 0;
  Interval interval;  // of the points, by a paired bootstrap
  double mcnemar_p = 1;
};

struct RealRun {                    // the plan run for real, one image at a time (docs/measuring.md)
  std::size_t images = 0;           // counted
  double measured_us = 0;           // mean wall time of one classify call of the plan
  double predicted_us = 0;          // from path_us and the exits the table expects of the same images
  std::vector<double> path_us;      // [stages] mean time when every image is made to leave at that exit, same session
  std::vector<double> alone_us;     // [stages] a stage without routing, from differences of path_us
  std::optional<double> agreement;  // share of images with the expected exit and label
  std::optional<double> stored_predicted_us;  // as predicted_us, from the costs stored in plan.json
  std::vector<double> stored_path_us;
  bool stable = true;       // of every forced exit the earlier and the later half of the images agree within 10 %
  std::string engine;       // that ran
  std::string engine_note;  // ClassifierInfo::engine_note

  double error_percent() const;  // of predicted_us against the measured value, signed
};

struct Example {
  std::uint32_t index = 0;  // into the data set file
  Label label = 0, predicted = 0;
  int exit = 0;
  double score = 0;  // at the first exit: how hard the image looked
};

double error_percent(double predicted, double measured);  // of the measured value, signed

Json to_json(const PairedTest& test);
void put(Json& json, const Accuracies& of);  // its fields behind those that are there

}  // namespace triage::results
