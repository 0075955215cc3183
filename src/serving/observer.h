// What happens in a scheduler, for those who count it, control it or audit it (PlanMetrics, the controller). Called by
// workers and by who submits, several at a time, with no lock held: an observer is thread-safe, quick, and does not
// throw.
#pragma once

#include <span>

#include "serving/request.h"

namespace triage::serving {

struct BatchReport {
  int stage = 0, images = 0;
  int sent_on = 0;  // of them, to the next stage (those that are audited not counted)
  double longest_wait_us = 0, input_us = 0, infer_us = 0, output_us = 0;
};

struct RequestReport {
  std::optional<RequestErrorCode> error;  // none: it was answered
  std::size_t images = 0;
  bool taken = true;  // else it was refused at once
  double queue_us = 0, total_us = 0;
};

// An image that had left at an exit and went on to the end all the same, behind everybody else.
struct AuditReport {
  int exit = 0;                        // where it had left
  std::span<const StageVisit> visits;  // of all stages: .label and .score tell what each would have answered
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void request_taken(std::size_t images) { static_cast<void>(images); }  // its end may be told before
  virtual void batch_ran(const BatchReport& report) { static_cast<void>(report); }
  virtual void image_answered(const Answer& answer) { static_cast<void>(answer); }
  virtual void request_ended(const RequestReport& report) { static_cast<void>(report); }  // refused ones, too
  virtual void audited(const AuditReport& report) { static_cast<void>(report); }
  // An image of the audit's share, wherever it left: all stages have seen it.
  virtual void sampled(std::span<const StageVisit> visits) { static_cast<void>(visits); }
};

}  // namespace triage::serving
