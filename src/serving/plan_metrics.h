// The metrics of one version of a plan, counted from what its scheduler reports. What Triton Inference Server counts
// has its names (counters, sums of microseconds, labels model and version), so that dashboards for it work; ours begin
// with triage_ and have seconds. docs/serving.md lists them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "serving/metrics.h"
#include "serving/observer.h"
#include "serving/scheduler.h"

namespace triage::serving {

// For the statistics extension of the Open Inference Protocol; times are sums.
struct PlanStatistics {
  std::uint64_t success = 0, failure = 0;             // requests
  std::uint64_t inference_count = 0, exec_count = 0;  // images answered; batches of all stages
  double success_us = 0, failure_us = 0;              // of requests, from submit to done
  double queue_us = 0;                                // of requests that succeeded: of their slowest image
  double input_us = 0, infer_us = 0, output_us = 0;   // of batches
  std::vector<std::uint64_t> exits;                   // images answered, by exit
};

class PlanMetrics : public Observer {
 public:
  // registry: outlives this. A plan that is loaded again goes on counting where it was.
  PlanMetrics(MetricsRegistry& registry, const std::string& name, const std::string& version,
              const ClassifierInfo& info);

  void batch_ran(const BatchReport& report) override;
  void image_answered(const Answer& answer) override;
  void request_ended(const RequestReport& report) override;
  void audited(const AuditReport& report) override;

  // The gauges: of one that serves, before metrics are shown, and when it no longer does. Not at the same time.
  void collect(const QueueState& queue, std::span<const double> thresholds);
  void retire();

  PlanStatistics statistics() const;

 private:
  struct Stage {
    Counter *images, *batches, *sent_on, *exits;
    Histogram *batch_size, *queue_seconds, *infer_seconds, *score;
  };

  MetricsRegistry* registry_;
  Labels labels_;
  ClassifierInfo info_;
  std::vector<Stage> stages_;
  Counter *success_, *failure_, *inferences_, *executions_, *request_us_, *failure_us_, *queue_us_, *input_us_,
      *infer_us_, *output_us_, *decoded_, *audited_, *audits_that_agree_;
  std::vector<Counter*> errors_;  // by RequestErrorCode
  Histogram *request_seconds_, *wait_seconds_;
};

}  // namespace triage::serving
