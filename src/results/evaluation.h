// What a plan does on one data set, as results.json has it: written by evaluate, read by report. Units and what is
// absent as in figures.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "results/figures.h"

namespace triage::results {

struct Evaluation {
  std::string dataset, path, sha256;  // of its images and labels; empty in files that do not say it
  std::string split = "test";
  std::size_t count = 0;  // images
  std::vector<StaticNet> static_nets;
  plan::Metric metric = plan::Metric::accuracy;  // of the accuracies in `policies`
  std::vector<Policy> policies;                  // in the file's order; none for a plan of one stage
  std::vector<ApgrDifference> apgr_differences;
  OperatingPoint operating_point;
  std::vector<Calibration> calibration;
  std::vector<PairedTest> paired_tests;
  std::vector<std::string> warnings;
  std::optional<RealRun> latency;
  std::vector<Example> easiest, hardest;

  const Policy* find_policy(const std::string& name) const;
  const StaticNet* find_static(const std::string& stage) const;
  std::optional<double> measured_alone_us(std::size_t stage) const;  // by the real run
  double escalation() const;  // share of images that do not leave at the first exit, at the operating point

  struct OnCurve {
    double value;
    Interval interval;
  };
  OnCurve on_curve(const Accuracies& of) const;  // in the metric of the policies' curves
};

Json to_json(const Evaluation& evaluation);
// Refuses what does not fit the numbers of classes and stages. Throws Error naming file and field.
Evaluation evaluation_from_json(const JsonReader& json, std::size_t classes, std::size_t stages);

}  // namespace triage::results
