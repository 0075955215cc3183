#include "serving/plan_metrics.h"

#include <array>

namespace triage::serving {
namespace {

// Seconds; a step is less than 2.6 times the one before, from a small net on one core to a photograph behind a queue.
constexpr std::array kSeconds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                              0.05,   0.1,     0.25,   0.5,   1.0,    2.5,   5.0,  10.0};
constexpr std::array kBatchSizes{1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0};
constexpr std::array kScores{0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0};
constexpr std::array kErrors{RequestErrorCode::bad_input,     RequestErrorCode::unsupported,
                             RequestErrorCode::not_found,     RequestErrorCode::not_ready,
                             RequestErrorCode::queue_full,    RequestErrorCode::deadline_expired,
                             RequestErrorCode::cancelled,     RequestErrorCode::stopping,
                             RequestErrorCode::out_of_memory, RequestErrorCode::engine_failure};

Labels with(Labels labels, const std::string& name, const std::string& value) {
  labels.emplace_back(name, value);
  return labels;
}

std::uint64_t whole(const Counter& counter) { return static_cast<std::uint64_t>(counter.value()); }

}  // namespace

PlanMetrics::PlanMetrics(MetricsRegistry& registry, const std::string& name, const std::string& version,
                         const ClassifierInfo& info)
    : registry_(&registry), labels_{{"model", name}, {"version", version}}, info_(info) {
  const auto counter = [&](const char* metric, const char* help) { return &registry.counter(metric, help, labels_); };
  success_ = counter("nv_inference_request_success", "Requests that were answered");
  failure_ = counter("nv_inference_request_failure", "Requests that were refused or failed");
  inferences_ = counter("nv_inference_count", "Images answered");
  executions_ = counter("nv_inference_exec_count", "Batches that ran, of all stages");
  request_us_ = counter("nv_inference_request_duration_us", "Sum of the times of answered requests, waiting included");
  queue_us_ = counter("nv_inference_queue_duration_us", "Sum of the times that answered requests waited in queues");
  input_us_ = counter("nv_inference_compute_input_duration_us", "Sum of the times of batches: decoding, preprocessing");
  infer_us_ = counter("nv_inference_compute_infer_duration_us", "Sum of the times of batches: the networks");
  output_us_ = counter("nv_inference_compute_output_duration_us", "Sum of the times of batches: exits, what goes on");
  failure_us_ = counter("triage_request_failure_duration_us", "Sum of the times of requests that failed");
  decoded_ = counter("triage_images_decoded", "Encoded images that were decoded");
  audited_ = counter("triage_audited_images", "Images that left early and ran to the end for an audit");
  audits_that_agree_ = counter("triage_audits_that_agree", "Of them, those whose last stage gave the same label");
  for (const RequestErrorCode code : kErrors) {
    errors_.push_back(&registry.counter("triage_request_errors", "Requests that were refused or failed, by the reason",
                                        with(labels_, "code", to_string(code))));
  }
  request_seconds_ =
      &registry.histogram("triage_request_seconds", "Times of answered requests, waiting included", kSeconds, labels_);
  wait_seconds_ = &registry.histogram("triage_queue_seconds", "Of these, what their slowest image waited in queues",
                                      kSeconds, labels_);
  for (const std::string& stage : info.stages) {
    const Labels labels = with(labels_, "stage", stage);
    stages_.push_back({
        .images = &registry.counter("triage_stage_images", "Images that ran through a stage", labels),
        .batches = &registry.counter("triage_stage_batches", "Batches that ran through a stage", labels),
        .sent_on = &registry.counter("triage_stage_sent_on", "Images that went on to the next stage", labels),
        .exits = &registry.counter("triage_exits", "Images answered, by the stage they left at", labels),
        .batch_size = &registry.histogram("triage_batch_size", "Images that ran together", kBatchSizes, labels),
        .queue_seconds =
            &registry.histogram("triage_stage_queue_seconds", "Longest wait of a batch's images", kSeconds, labels),
        .infer_seconds =
            &registry.histogram("triage_stage_seconds", "Times of a stage's network, by batches", kSeconds, labels),
        .score = &registry.histogram("triage_score", "Escalation scores of the images that reached an exit", kScores,
                                     labels),
    });
  }
}

void PlanMetrics::batch_ran(const BatchReport& report) {
  input_us_->add(report.input_us);
  if (report.stage < 0) {
    decoded_->add(report.images);
    return;
  }
  const Stage& stage = stages_[report.stage];
  executions_->add();
  infer_us_->add(report.infer_us);
  output_us_->add(report.output_us);
  stage.images->add(report.images);
  stage.batches->add();
  stage.sent_on->add(report.sent_on);
  stage.batch_size->observe(report.images);
  stage.queue_seconds->observe(report.longest_wait_us * 1e-6);
  stage.infer_seconds->observe(report.infer_us * 1e-6);
}

void PlanMetrics::image_answered(const Answer& answer) {
  inferences_->add();
  stages_[answer.outcome.exit].exits->add();
  for (std::size_t s = 0; s + 1 < stages_.size() && s < answer.visits.size(); ++s)
    stages_[s].score->observe(answer.visits[s].score);
}

void PlanMetrics::request_ended(const RequestReport& report) {
  if (report.error) {
    failure_->add();
    failure_us_->add(report.total_us);
    errors_[static_cast<std::size_t>(*report.error)]->add();
    return;
  }
  success_->add();
  request_us_->add(report.total_us);
  queue_us_->add(report.queue_us);
  request_seconds_->observe(report.total_us * 1e-6);
  wait_seconds_->observe(report.queue_us * 1e-6);
}

void PlanMetrics::audited(const AuditReport& report) {
  audited_->add();
  if (report.visits[report.exit].label == report.visits.back().label) audits_that_agree_->add();
}

void PlanMetrics::collect(const QueueState& queue, std::span<const double> thresholds) {
  const auto gauge = [&](const char* metric, const char* help, const Labels& labels) -> Gauge& {
    return registry_->gauge(metric, help, labels);
  };
  gauge("triage_queue_images", "Images that were taken and not answered", labels_)
      .set(static_cast<double>(queue.images));
  gauge("triage_queue_bytes", "Bytes that these hold", labels_).set(static_cast<double>(queue.bytes));
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    const Labels labels = with(labels_, "stage", info_.stages[s]);
    gauge("triage_stage_waiting", "Images that wait for a stage", labels).set(static_cast<double>(queue.waiting[s]));
    gauge("triage_engine", "1: the engine that runs a stage", with(labels, "engine", info_.engines[s])).set(1);
    if (s < thresholds.size()) {
      gauge("triage_threshold", "Images whose score is above go on to the next stage", labels).set(thresholds[s]);
      const double images = stages_[s].images->value();
      gauge("triage_share_sent_on", "Of the images that ran through a stage, those that went on", labels)
          .set(images > 0 ? stages_[s].sent_on->value() / images : 0);
    }
  }
}

void PlanMetrics::retire() { registry_->remove_gauges(labels_); }

PlanStatistics PlanMetrics::statistics() const {
  PlanStatistics statistics{.success = whole(*success_),
                            .failure = whole(*failure_),
                            .inference_count = whole(*inferences_),
                            .exec_count = whole(*executions_),
                            .success_us = request_us_->value(),
                            .failure_us = failure_us_->value(),
                            .queue_us = queue_us_->value(),
                            .input_us = input_us_->value(),
                            .infer_us = infer_us_->value(),
                            .output_us = output_us_->value()};
  for (const Stage& stage : stages_) statistics.exits.push_back(whole(*stage.exits));
  return statistics;
}

}  // namespace triage::serving
