// metrics.jsonl: how training went, a JSON object a line. Written by train, drawn by report.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace triage::results {

struct TrainingStep {  // the end of an epoch; what was not measured then, or in files of before, is absent
  std::string stage;
  std::int64_t epoch = 0, step = 0;  // from 1; of optimisation, from the start
  std::optional<double> loss, train_accuracy;
  std::optional<double> rate;  // "lr": of the last step
  std::optional<double> images_per_s;
  std::optional<double> seconds;  // of all training so far
  std::optional<double> validation_accuracy;
  std::optional<double> subnet_loss;                   // of a supernet: mean of the epoch's sampled subnets ...
  std::optional<std::uint64_t> subnet_seed;            // ... and what they were drawn by
  std::optional<double> smallest_validation_accuracy;  // of a supernet's smallest subnet
};

Json to_json(const TrainingStep& step);
// Lines without "stage" are somebody else's and left out. Throws Error naming file, line and field.
std::vector<TrainingStep> load_training_log(const fs::path& file);

}  // namespace triage::results
