// Whether a plan's traffic is what its curve was measured on: without labels, from a small share of the images that
// leave early and run to the end all the same, and from the scores of all.
//
//   agreement   of what early leavers were told with what the last stage says, against what the curve promises at the
//               thresholds in force. The test is sequential: at every look it may be believed
//   scores      at every exit against their distribution on the curve's images: at the first one of all images, which
//               pass it; behind it of the share that runs to the end wherever it leaves
//   thresholds  solved again: those at which as many images of the live traffic go on as were promised to
//
// Alarms are rare by construction: traffic that is what was promised raises each at most once in
// images_between_false_alarms images, on average. docs/adapting.md has the tests and their sources.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "triage/curve.h"
#include "triage/result.h"

namespace triage {

struct AuditSummary {
  std::uint64_t images = 0;   // that were looked at so far
  std::uint64_t audited = 0;  // of them, early leavers that ran to the end
  // Of the last thousand of those: the share that agrees, its interval (Wilson, 95 %), and what the curve promised.
  double agreement = 1, agreement_low = 0, agreement_high = 1, promised_agreement = 1;
  // Of the last look at each exit: the largest difference of the two distributions, and how much raises an alarm; of
  // the exit where the one is largest against the other.
  double score_distance = 0, score_limit = 1;
  std::size_t score_exit = 0;
  std::uint64_t agreement_alarms = 0, score_alarms = 0;  // so far
  bool new_agreement_alarm = false, new_score_alarm = false;
  std::vector<double> thresholds;  // solved again for the point in force; its own where too few images were seen
  std::string text;                // all of this in a line
};

struct AuditOptions {
  double share = 0.01;     // of the images that run to the end wherever they leave
  std::uint64_t seed = 1;  // of which ones
  std::size_t window =
      2000;  // images between two looks at the first exit's scores; of the others' at most so many count
  double images_between_false_alarms = 1e8;
  std::function<void(const AuditSummary&)> log;  // after each window and at each alarm, in the thread that told of the
                                                 // image, with no lock held; must not throw
};

// Thread-safe. Nothing but numbers is kept: no image, no label.
class Audit {
 public:
  // bad_input: an option is none, or the curve has no exit at which an image could leave early.
  static Result<Audit> make(PlanCurve curve, AuditOptions options);
  Audit(Audit&&) noexcept;
  Audit& operator=(Audit&&) noexcept;
  ~Audit();

  // The thresholds in force from now on are those of this point of the curve; at first those of PlanCurve::plan.
  void in_force(const OperatingPoint& point);

  // Whether the next image shall run to the end wherever it leaves: so many of them, drawn by number and seed alone.
  bool wanted();

  // An image that wanted() was true for was seen by all stages: its scores at all exits but the last, those behind the
  // exit that it left at included.
  void sampled(std::span<const float> scores);

  // An image was answered: its escalation scores at the exits that it passed, the one it left at included (of the last
  // stage there is none).
  void passed(std::span<const float> scores);

  // An early leaver ran to the end: where it had left, and whether the last stage says the same.
  void compared(std::size_t exit, bool agrees);

  AuditSummary summary() const;

  // The thresholds at which the share of the last window's images that goes on from each exit is the point's. Exact for
  // the first exit; behind it of the images that came there, so that after a change of thresholds it takes a window.
  std::vector<double> solved_thresholds(const OperatingPoint& point) const;

 private:
  struct Impl;
  explicit Audit(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace triage
