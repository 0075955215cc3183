// Scheduler: requests of many clients through the stages of one plan. Every stage has a queue of its own: of a batch
// only the images that go on wait for the next net, and there they meet those of other batches. Answers are those of
// Classifier, bit for bit where the same images ran together.
//
// A worker that is free always runs something: nobody waits for a batch to fill up, batches grow while all workers are
// busy. What a worker takes, of all stages of all plans: first whatever has waited for longer than max_queue_delay, the
// longest first; then the queue that fills a batch best, of equal ones the later stage (docs/serving.md, Scheduling).
// An image that fails its batch fails alone: the others run again without it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "core/clock.h"
#include "runtime/stage_set.h"
#include "serving/observer.h"
#include "serving/request.h"
#include "serving/workers.h"

namespace triage::serving {

struct SchedulerOptions {
  int max_batch = 64;            // images of a batch; fewer where images are large (StageSet::max_rows)
  double max_batch_time = 0.01;  // seconds a batch should take at most: by what images of the stage have taken so far,
                                 // fewer than max_batch run together, at least one
  double max_queue_delay = 0.002;     // seconds in one stage's queue, after which an image comes before fuller batches
  std::size_t max_images = 1024;      // taken and not answered
  std::size_t max_bytes = 256 << 20;  // of the same: pixels or files as they came, and what stages hand on
  std::size_t max_audited = 256;      // images that were answered and go on; more are not audited
  const ImageDecoder* decoder = nullptr;  // null: encoded images are `unsupported`
  double max_megapixels = 64;             // of an encoded image, of 2^20 pixels
  Clock clock = steady_seconds;
};

struct QueueState {
  std::size_t images = 0, bytes = 0;  // taken and not answered
  std::vector<std::size_t> waiting;   // images by stage
  std::size_t decoding = 0;           // encoded images that wait to be decoded
  std::size_t audited = 0;            // answered, under way to the end
};

class Lane;

// Thread-safe.
class Scheduler {
 public:
  // workers: run it; observers: see observer.h. Both may serve other schedulers, too.
  Scheduler(std::shared_ptr<runtime::StageSet> stages, std::shared_ptr<Workers> workers, SchedulerOptions options = {},
            std::vector<std::shared_ptr<Observer>> observers = {});
  ~Scheduler();  // whatever is still queued gets the error `stopping`: drain() before. Not from Request::done
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Never blocks for longer than a lock is held; for the threads of an event loop. Throws nothing but bad_alloc.
  Submitted submit(Request request);

  void stop();   // from now on requests are refused (`stopping`); those that were taken are answered
  void drain();  // stop(), and returns when the last one was answered; audits are given up. Not from a worker

  // One per exit but the last; images under way meet the new ones at their next exit. Throws engine::Failure
  // (bad_input).
  void set_thresholds(std::span<const double> thresholds);
  std::vector<double> thresholds() const;

  // The share of the images, in [0, 1], that run to the end whatever was answered: each has that chance, independent of
  // its content. 0 at first.
  void set_audit_share(double share);

  QueueState queue() const;
  const runtime::StageSet& stages() const;

 private:
  std::shared_ptr<Workers> workers_;
  std::shared_ptr<Lane> lane_;
};

}  // namespace triage::serving
