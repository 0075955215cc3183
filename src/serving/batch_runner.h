// One batch through one stage of a plan: gathers what the stage reads from images of any requests, runs the network,
// and says of each image what the exit answers and whether it goes on. The exits are the executor's (ExitStep).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "core/clock.h"
#include "engine/threads/pool.h"
#include "runtime/stage_set.h"
#include "serving/in_flight.h"

namespace triage::serving {

struct BatchRow {
  ImageInFlight* image = nullptr;
  const Request* request = nullptr;
  double since = 0;      // seconds: when it was ready for the stage
  bool goes_on = false;  // result
};

struct BatchTimes {  // seconds of the clock
  double start = 0, input = 0, infer = 0, output = 0;
};

// Thread-safe. The stages outlive it.
class BatchRunner {
 public:
  BatchRunner(const runtime::StageSet& stages, int max_batch, Clock clock);
  ~BatchRunner();
  BatchRunner(const BatchRunner&) = delete;
  BatchRunner& operator=(const BatchRunner&) = delete;

  int max_batch() const { return max_batch_; }
  std::size_t row_bytes() const {
    return row_elements_ * sizeof(float);
  }  // ImageInFlight::rows, of an image that goes on

  // 1 to max_batch() rows. Every image gets one more visit; one that leaves here its answer, one that goes on, or is
  // audited, what later stages read. Throws Failure; then no image has changed.
  BatchTimes run(int stage, std::span<BatchRow> rows) const;

 private:
  struct Workspace;
  class Lease;
  struct Slot {  // of ImageInFlight::rows
    std::size_t offset = 0, size = 0;
  };

  void gather(Workspace& space, int stage, std::span<const BatchRow> rows) const;
  void keep(const Workspace& space, int stage, std::size_t row, ImageInFlight& image) const;

  const runtime::StageSet* stages_;
  int max_batch_;
  Clock clock_;
  std::vector<Slot> inputs_, carries_, answers_;  // per input or stage; size 0: no later stage reads it
  std::size_t row_elements_ = 0;
  std::unique_ptr<engine::Pool<Workspace>> pool_;
};

}  // namespace triage::serving
