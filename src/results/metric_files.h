// How training went, for people's programs: RUN/metrics.csv for tables, RUN/tensorboard/STAGE/ for TensorBoard. Both
// hold what metrics.jsonl holds, a row or an event for each epoch, and are made from it whenever a training begins or
// goes on: so they have no row twice and none too few, wherever a run was killed.
#pragma once

#include <string>
#include <vector>

#include "results/training_log.h"

namespace triage::results {

struct MetricFormats {
  bool csv = true, tensorboard = false;
};

// Of names "csv", "tensorboard"; throws Error with `where` for another one.
MetricFormats metric_formats(const std::vector<std::string>& names, const std::string& where);

class MetricFiles {
 public:
  MetricFiles(fs::path run, const MetricFormats& formats);

  // A training of `stage` begins, or goes on, behind `step` steps: lines of it that are further are taken out of
  // metrics.jsonl, as is a last one that was cut off, and the other files are written anew.
  void begin(const std::string& stage, std::int64_t step);
  void append(const TrainingStep& step);  // to all; those of one stage follow each other

 private:
  fs::path event_file(const std::string& stage) const;
  std::string event(const TrainingStep& step) const;

  fs::path run_, log_, csv_;
  MetricFormats formats_;
  double start_ = 0;  // when this stage's training would have begun without pauses, seconds since 1970
};

}  // namespace triage::results
