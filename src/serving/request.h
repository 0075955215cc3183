// What the core of the server is asked and what it answers: a request of one or more images for one plan.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "triage/classifier.h"
#include "triage/decoder.h"

namespace triage::serving {

enum class RequestErrorCode : std::uint8_t {
  bad_input,         // an image that the plan does not take, or cannot be decoded; more images than may wait
  unsupported,       // encoded images where there is no decoder, or of a kind that it does not read
  not_found,         // no such plan, or version of it
  not_ready,         // a plan that is known and not loaded
  queue_full,        // nothing was taken, for lack of room or of time until the deadline; later it may be
  deadline_expired,  // before it could be answered; what had not run does not run any more
  cancelled,
  stopping,  // takes nothing new
  out_of_memory,
  engine_failure,
};
const char* to_string(RequestErrorCode code);  // "queue_full"

struct RequestError {
  RequestErrorCode code = RequestErrorCode::engine_failure;
  std::string message;
};

RequestError request_error(const ErrorInfo& error);  // of the runtime

inline constexpr double kNoDeadline = std::numeric_limits<double>::infinity();

// What one stage made of an image.
struct StageVisit {
  int label = -1;
  float probability = 0, score = 0;  // as Outcome's: what that exit answered and how much it wanted the next stage
  double queue_us = 0;               // from when the image was ready for the stage to when its batch began
  double compute_us = 0;             // the batch's time divided by its size
  int batch = 0;                     // images that ran together
};

struct Answer {
  Outcome outcome;                           // microseconds: the sum of compute_us
  std::vector<StageVisit> visits;            // one per stage up to outcome.exit
  std::vector<float> logits, probabilities;  // [classes] of the exit, where the request wanted them (triage::Details)
};

struct Reply {
  std::optional<RequestError> error;  // then there are no answers
  std::vector<Answer> answers;        // one per image, in order
  double queue_us = 0, total_us = 0;  // the longest wait of an image, summed over its stages; from submit to now
};

struct Request {
  // One of the two. Bytes stay where they are until `memory` is let go of, which is after `done` was called, at the
  // latest once no batch reads them any more.
  std::vector<ImageView> images;
  std::vector<EncodedImage> encoded;
  std::shared_ptr<const void> memory;

  double deadline = kNoDeadline;  // seconds of the scheduler's clock
  std::vector<double>
      thresholds;  // of this request alone, one per exit but the last; empty: the plan's, at that moment
  bool wants_logits = false, wants_probabilities = false;
  bool wakes = true;  // a worker; false: who submits it runs it (Workers::run_until)

  // Called once for every request that was taken, in a worker thread, with no lock held. It must not throw, nor wait
  // for another request.
  std::function<void(Reply)> done;
};

// For who may lose interest in a request: its client has gone. Keeps nothing of the request alive.
class Ticket {
 public:
  Ticket() = default;
  explicit Ticket(std::weak_ptr<std::atomic<bool>> cancelled) : cancelled_(std::move(cancelled)) {}
  void cancel()
      const {  // thread-safe; images that have not run do not run, and done gets `cancelled` unless it was called
    if (const auto flag = cancelled_.lock()) flag->store(true, std::memory_order_relaxed);
  }

 private:
  std::weak_ptr<std::atomic<bool>> cancelled_;
};

struct Submitted {
  std::optional<RequestError> refused;  // then nothing was taken and done is never called
  Ticket ticket;
};

}  // namespace triage::serving
