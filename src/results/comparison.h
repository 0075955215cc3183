// Two plans side by side on the same images, as `triage compare --json` prints it. Units as in evaluation.h.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "plan/precision.h"
#include "results/figures.h"

namespace triage::results {

struct ComparedStage : Accuracies {  // the stage's net for every image
  std::string stage;
  plan::Precision precision = plan::Precision::fp32;
};

struct ComparedRun {  // of the plan run for real, in turns with the other one
  double mean_us = 0;
  std::string engine, engine_note;
  double agreement = 0;  // share of images that the engine gave the label and exit of the scores
  bool stable = true;    // the later half of the run took as long for the same exits as the earlier one, within 10 %
};

struct ComparedPlan : Accuracies {
  std::string name;
  std::vector<ComparedStage> stages;
  std::optional<ComparedRun> run;  // none: latency was not asked for
};

struct PlanComparison {
  std::array<ComparedPlan, 2> plans;  // the plan, and the other that it is held against
  PairedTest points;                  // their accuracies: the plan's minus the other's
  std::vector<PairedTest> stages;     // the same of the i-th stages' nets; none where the plans have not as many
  std::optional<double> speedup;      // the other's measured mean latency over the plan's
  std::size_t run_images = 0;         // of the runs; 0: not run
  std::size_t count = 0;              // images scored
};

Json to_json(const PlanComparison& comparison);

}  // namespace triage::results
