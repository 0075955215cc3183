// Lane: what a scheduler is to the workers. Inside this library alone; it lives on while a worker is inside.
// submit() puts images into the first queue; a worker takes a batch (take, under the workers' lock), runs it without
// the lock (run), calls whoever waits for its images, and puts those that go on into the next queue (put_on). Numbers
// of images and bytes that are held are atomic: they are given back before `done` is called, so that who answers at
// once with the next request finds room.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "serving/batch_runner.h"
#include "serving/in_flight.h"
#include "serving/scheduler.h"

namespace triage::serving {

class Lane : public WorkSource, public std::enable_shared_from_this<Lane> {
 public:
  Lane(std::shared_ptr<runtime::StageSet> stages, Workers& workers, SchedulerOptions options,
       std::vector<std::shared_ptr<Observer>> observers);

  Submitted submit(Request request);
  void stop();
  void drain();
  void close();  // no worker takes from it any more; what is queued fails

  std::optional<Urgency> urgency() const override;
  Batch take(int sharers) override;

  void set_audit_share(double share) { audit_share_.store(share, std::memory_order_relaxed); }
  QueueState state() const;
  runtime::StageSet& stages() const { return *stages_; }

 private:
  static constexpr int kDecoding = -1;  // the stage before the first
  using Queue = std::deque<QueuedImage>;
  struct Taken {
    int stage = 0;
    std::vector<QueuedImage> entries;
    std::vector<std::pair<QueuedImage, RequestErrorCode>> dropped;
  };

  std::optional<RequestError> why_not(const Request& request) const;
  std::optional<RequestError> too_late(const Request& request) const;
  double work_ahead(double now) const;
  void put_in(const std::shared_ptr<RequestInFlight>& request);
  Queue& queue(const Urgency& urgency);
  int largest_batch(int stage) const;
  bool anything_waits() const;
  static void move_out(Queue& queue, std::vector<QueuedImage>& into);
  void drop_audits();
  void put_on(int stage, std::vector<QueuedImage>& entries);
  void fail_all(std::vector<QueuedImage>& entries);

  // lane_run.cc
  void run(Taken taken);
  void run_stage(int stage, std::vector<QueuedImage>& entries);
  void learn(int stage, double image_seconds, double share_on);
  void decode(std::vector<QueuedImage>& entries);
  bool stays(int stage, const QueuedImage& entry, bool goes_on);
  void fail(const QueuedImage& entry, RequestError error);
  void end(RequestInFlight& request, std::optional<RequestError> error);
  void leave(RequestInFlight& request);

  std::shared_ptr<runtime::StageSet> stages_;
  Workers* workers_;  // outlive it, as it is in one of their threads if anywhere
  SchedulerOptions options_;
  std::vector<std::shared_ptr<Observer>> observers_;
  BatchRunner runner_;
  DecodeRequest decoding_as_;
  std::atomic<double> audit_share_{0};
  std::atomic<std::uint64_t> submitted_images_{0};
  std::atomic<std::size_t> images_{0}, bytes_{0}, under_audit_{0};

  // By stage: what an image of a batch takes (0: not known), and the share that goes on.
  std::vector<std::atomic<double>> image_seconds_, share_on_;

  // Under the workers' lock.
  Queue decoding_;
  std::vector<Queue> queues_, audited_;  // by stage
  int running_ = 0;                      // batches
  bool stopping_ = false, closed_ = false;
  std::condition_variable empty_;
};

}  // namespace triage::serving
