// A plan that follows the load: from what is known of the moment to a point of the plan's measured curve, between
// bounds that the user sets. Whoever runs the plan asks, and writes the point's thresholds into what runs (they are all
// that changes: no network is loaded). docs/adapting.md says how it decides and what that promises.
//
// Every limit that is set must be kept by the point; of those that keep all, the most accurate one is taken. Down, to
// where less work is done, it goes at once; up only to a point that, with some room, kept all limits during the whole
// of the last hold_s. So a step of the load is answered at the first request that meets it, and does not swing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "triage/curve.h"
#include "triage/result.h"

namespace triage {

struct ControllerOptions {                // a limit that is absent is not looked at
  double least_accuracy = 0;              // of the points that may be taken, as the curve has it
  std::optional<double> most_latency_us;  // mean latency of those points
  std::optional<double> target_us;        // requests are answered within this, waiting included: the SLO
  double percentile = 99;  // of the requests that are to be: how much of the spread of their work is reckoned with
  std::optional<double> most_watts;    // what ControllerState::watts shall come to
  std::optional<double> most_celsius;  // from 10 degrees below on, work is cut down; here it is least
  std::optional<double>
      battery_until_s;            // until when the battery has to last, on the clock of ControllerState::seconds
  double parallel = 1;            // images that are worked on at the same time
  double safety = 0.9;            // share of target_us that the queue as it stands may use up
  double most_utilization = 0.9;  // share of the time in which there is work, at the rate at which requests come
  std::optional<double> hold_s;   // before it goes up; none: four times target_us, from 0.01 to 0.25 s, without it 0.25
  double room = 0.05;             // that is left of each limit where it goes up
};

struct ControllerState {                 // what is known; what is absent sets no limit
  double seconds = 0;                    // now, on a clock that does not go back
  std::optional<double> waiting;         // images that were taken in and not answered, those in work included
  std::optional<double> oldest_wait_us;  // how long the first of the queue waits already
  std::optional<double> arrivals_per_s;  // where arrived() is not told of them
  std::optional<double> watts, celsius;
  std::optional<double> battery;       // what is left, 0 to 1
  std::optional<double> most_sent_on;  // at most this share of the images may leave the first exit for the next
};

struct ControllerDecision {
  std::size_t index = 0;                  // of the point, in Controller::curve().points
  const OperatingPoint* point = nullptr;  // lives as long as the controller
  bool changed = false;                   // another one than of the decision before
};

struct ControllerStatus {
  std::size_t index = 0;
  double arrivals_per_s = 0;   // as estimated
  double slowdown = 1;         // what images take, over what the curve says
  std::uint64_t switches = 0;  // changes of the point so far
};

// Thread-safe; a call takes well below a microsecond and, after make(), allocates nothing. It reads no clock.
class Controller {
 public:
  // bad_input: the curve has no point between the bounds (the message says which ones there are), an option is none.
  // It begins at the most accurate point that may be taken.
  static Result<Controller> make(PlanCurve curve, const ControllerOptions& options);
  Controller(Controller&&) noexcept;
  Controller& operator=(Controller&&) noexcept;
  ~Controller();

  void arrived(double seconds, std::size_t images = 1);  // requests came in
  // Images were answered in so much time of work (of a batch: its time). promised_us: what the curve says of them, the
  // sum of its path_us of the exits they left at. From these follows how much slower than the curve all is now.
  void served(double promised_us, double work_us);

  ControllerDecision decide(const ControllerState& state);

  ControllerStatus status() const;
  const PlanCurve& curve() const;

 private:
  struct Impl;
  explicit Controller(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace triage
