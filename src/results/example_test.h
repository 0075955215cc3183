// Results in which every field of the file is there, for tests.
#pragma once

#include <string>

#include "results/results.h"

namespace triage::results {

inline Accuracies example_accuracies(double accuracy) {
  return {.accuracy = accuracy,
          .interval = {accuracy - 0.01, accuracy + 0.01},
          .balanced_accuracy = accuracy - 0.02,
          .balanced_accuracy_interval = Interval{accuracy - 0.03, accuracy - 0.01},
          .macro_f1 = accuracy - 0.025,
          .macro_f1_interval = Interval{accuracy - 0.035, accuracy - 0.015},
          .top5_accuracy = 0.99,
          .top5_accuracy_interval = Interval{0.985, 0.995}};
}

inline Evaluation example_evaluation() {
  const Reliability reliability{
      .ece = 0.02,
      .bins = {{.low = 0, .high = 0.5}, {.low = 0.5, .high = 1, .count = 100, .confidence = 0.92, .accuracy = 0.9}}};
  const Estimate estimate{.value = 0.8, .interval = Interval{0.75, 0.85}};
  Evaluation e{.dataset = "cifar10",
               .path = "data/cifar10.tds",
               .sha256 = std::string(64, 'c'),
               .split = "test",
               .count = 100,
               .static_nets = {{example_accuracies(0.9), "little", 52.5}, {example_accuracies(0.94), "big", 318.25}},
               .metric = plan::Metric::balanced,
               .policies = {{.name = "confidence",
                             .curve = {{{1.0}, 0.9, 52.5, 0}, {{0.25}, 0.93, 130, 0.25}, {{-1.0}, 0.94, 370.75, 1}},
                             .apgr = estimate,
                             .between_random_and_oracle = {.value = 0.5, .interval = Interval{0.45, 0.55}},
                             .calls_for = {0.1, 0.25, std::nullopt}},
                            {.name = "random", .curve = {{{0.5}, 0.92, 211, 0.5}}}},
               .apgr_differences = {{"confidence", "random", estimate}, {"learned", "random", {}}}};
  OperatingPoint& at = e.operating_point;
  static_cast<Accuracies&>(at) = example_accuracies(0.93);
  at.policy = "confidence";
  at.thresholds = {0.25};
  at.exit_share = {0.75, 0.25};
  at.exit_accuracy = {0.94, std::nullopt};
  at.latency_us = 130;
  at.per_class = {{.name = "cat",
                   .count = 100,
                   .recall = 0.93,
                   .precision = 1,
                   .f1 = 0.96,
                   .escalation = 0.25,
                   .recall_interval = Interval{0.86, 0.97},
                   .precision_interval = Interval{0.96, 1}},
                  {.name = "dog", .precision = 0, .precision_interval = Interval{0, 0.35}}};
  at.confusion = {{93, 7}, {0, 0}};
  e.calibration = {{.stage = "little", .temperature = 1.25, .before = reliability, .after = reliability}};
  e.paired_tests = {{.a = "plan",
                     .b = "big",
                     .at_latency_us = 130,
                     .difference_points = -1,
                     .interval = {-2.5, 0.5},
                     .mcnemar_p = 0.25}};
  e.warnings = {"little alone is as good"};
  e.latency = RealRun{.images = 4096,
                      .measured_us = 128,
                      .predicted_us = 132,
                      .path_us = {53, 372},
                      .alone_us = {53, 319},
                      .agreement = 0.9995,
                      .stored_predicted_us = 130,
                      .stored_path_us = {52.5, 370.75},
                      .stable = true,
                      .engine = "compiled",
                      .engine_note = "two threads were asked for"};
  e.easiest = {{.index = 50001, .label = 0, .predicted = 0, .exit = 0, .score = 0.001}};
  e.hardest = {{.index = 50002, .label = 1, .predicted = 0, .exit = 1, .score = 0.875}};
  return e;
}

inline Results example_results() {
  Results results{
      .plan = {.name = "pair",
               .policy = "confidence",
               .classes = {"cat", "dog"},
               .input = plan::InputShape{3, 32, 32},
               .costs_engine = "onnxruntime 1.21",
               .warnings = {"the validation split is small"},
               .stages = {{.name = "little", .arch = "8", .macs = 1000, .parameters = 200, .latency_us = 52.5},
                          {.name = "big", .arch = "16", .macs = 9000, .parameters = 900, .latency_us = 318.25}}},
      .provenance = {{"command", "triage eval"}, {"seed", 1}},
      .test = example_evaluation(),
      .shift = example_evaluation()};
  results.shift->operating_point.confusion.clear();
  results.shift->operating_point.mistakes = {{.label = 0, .answer = 1, .images = 7}};
  return results;
}

}  // namespace triage::results
