// Map: the points that may be taken, the limits (keeps), what is remembered (memory.h, rate.h), and the decision.
#include "triage/controller.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <limits>
#include <mutex>
#include <numbers>
#include <vector>

#include "engine/status.h"
#include "runtime/control/memory.h"
#include "runtime/control/rate.h"

namespace triage {

using runtime::Candidate;

namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();
constexpr double kCelsiusBand = 10;                                      // below the limit, in which work is cut down
constexpr double kTargetsHeld = 4, kLeastHold = 0.01, kMostHold = 0.25;  // of target_us; seconds

std::vector<Candidate> candidates_of(const PlanCurve& curve, const ControllerOptions& options) {
  std::vector<Candidate> out;
  for (std::size_t i = 0; i < curve.points.size(); ++i) {
    const OperatingPoint& point = curve.points[i];
    if (point.accuracy < options.least_accuracy) continue;
    if (options.most_latency_us && point.mean_latency_us > *options.most_latency_us) continue;
    double squares = 0;
    for (std::size_t s = 0; s < curve.path_us.size(); ++s)
      squares += point.exit_share[s] * curve.path_us[s] * curve.path_us[s];
    const double variance = squares - point.mean_latency_us * point.mean_latency_us;
    out.push_back({i, point.mean_latency_us, std::sqrt(std::max(0.0, variance)), 1 - point.exit_share.front()});
  }
  return out;
}

// A queue that goes up and down within the target needs no longer pause, and each costs accuracy.
double hold_of(const ControllerOptions& options) {
  if (options.hold_s) return *options.hold_s;
  return options.target_us ? std::clamp(kTargetsHeld * 1e-6 * *options.target_us, kLeastHold, kMostHold) : kMostHold;
}

// The value that a standard normal variable is below with this probability, by bisection.
double normal_quantile(double probability) {
  double low = -8, high = 8;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(-middle / std::numbers::sqrt2) / 2 < probability ? low : high) = middle;
  }
  return low;
}

void check_options(const ControllerOptions& options) {
  const auto positive = [](const char* name, double value) {
    if (!(value > 0 && value < kNoLimit))
      engine::fail_with(ErrorCode::bad_input, "controller: {}: expected a number above 0, found {}", name, value);
  };
  const auto share = [](const char* name, double value) {
    if (!(value >= 0 && value <= 1))
      engine::fail_with(ErrorCode::bad_input, "controller: {}: expected a number from 0 to 1, found {}", name, value);
  };
  positive("most_latency_us", options.most_latency_us.value_or(1));
  positive("target_us", options.target_us.value_or(1));
  positive("most_watts", options.most_watts.value_or(1));
  positive("most_celsius", options.most_celsius.value_or(1));
  if (!(options.percentile >= 50 && options.percentile < 100)) {
    engine::fail_with(ErrorCode::bad_input, "controller: percentile: expected a number from 50 to below 100, found {}",
                      options.percentile);
  }
  positive("parallel", options.parallel);
  positive("hold_s", options.hold_s.value_or(1));
  positive("safety", options.safety);
  positive("most_utilization", options.most_utilization);
  share("least_accuracy", options.least_accuracy);
  share("safety", options.safety);
  share("most_utilization", options.most_utilization);
  share("room", options.room);
}

}  // namespace

struct Controller::Impl {
  Impl(PlanCurve made, const ControllerOptions& set)
      : curve(std::move(made)),
        options(set),
        candidates(candidates_of(curve, options)),
        deviations(normal_quantile(options.percentile / 100)),
        current(candidates.empty() ? 0 : candidates.size() - 1),
        held(hold_of(options), current) {}

  // Whether this point keeps all limits, with `room` of each left.
  bool keeps(const Candidate& point, const ControllerState& state, double room) const {
    const double with_room = 1 + room, slow = slowdown.value();
    const double work = point.mean_us * slow * with_room;
    if (point.mean_us * with_room > work_limit(state)) return false;
    if (state.most_sent_on && point.sent_on > *state.most_sent_on) return false;
    if (!options.target_us) return true;
    const double rate_each = rate_now / options.parallel;
    if (rate_each * work > 1e6 * options.most_utilization) return false;
    const double spread = deviations * point.deviation_us * slow;
    const double within = *options.target_us * options.safety;
    const double waiting = std::max(state.waiting.value_or(0), 1.0) / options.parallel;
    if (waiting * work + spread * std::sqrt(waiting) > within) return false;
    return state.oldest_wait_us.value_or(0) + work + spread <= *options.target_us;
  }

  // Of the mean work of an image, in what the curve says.
  double work_limit(const ControllerState& state) const {
    double limit = std::min(watts.limit(), battery.limit());
    if (options.most_celsius && state.celsius) {
      const double least = candidates.front().mean_us, most = candidates.back().mean_us;
      const double left = (*options.most_celsius - *state.celsius) / kCelsiusBand;
      if (left < 1) limit = std::min(limit, least + (most - least) * std::max(left, 0.0));
    }
    return limit;
  }

  // The last candidate that keeps all limits; where none does the first.
  std::size_t best(const ControllerState& state, double room) const {
    for (std::size_t i = candidates.size(); i-- > 1;)
      if (keeps(candidates[i], state, room)) return i;
    return 0;
  }

  void follow_budgets(const ControllerState& state) {
    const double work = candidates[current].mean_us, most = candidates.back().mean_us;
    if (options.most_watts && state.watts && *state.watts > 0)
      watts.step(state.seconds, *options.most_watts / *state.watts, work, most, options.room);
    if (!options.battery_until_s || !state.battery) return;
    if (!battery_seen) {
      battery_seen = true;
      battery_at = state.seconds;
      battery_then = *state.battery;
      return;
    }
    const double passed = state.seconds - battery_at, spent = battery_then - *state.battery;
    if (spent < 0) {  // it is being charged
      battery_at = state.seconds;
      battery_then = *state.battery;
    }
    if (spent < kBatteryStep || !(passed > 0)) return;
    const double left_s = std::max(*options.battery_until_s - state.seconds, 1.0);
    battery.step(state.seconds, (*state.battery / left_s) / (spent / passed), work, most, options.room);
    battery_at = state.seconds;
    battery_then = *state.battery;
  }

  ControllerDecision decide(const ControllerState& state) {
    rate_now = state.arrivals_per_s ? *state.arrivals_per_s : rate.per_second(state.seconds);
    follow_budgets(state);
    const std::size_t now = best(state, 0), above = held.add(state.seconds, best(state, options.room));
    const std::size_t before = current;
    if (now < current)
      current = now;
    else if (above > current)
      current = above;
    if (current != before) ++switches;
    const std::size_t index = candidates[current].index;
    return {.index = index, .point = &curve.points[index], .changed = current != before};
  }

  static constexpr double kBatteryStep = 0.01;  // readings of a battery are coarse

  PlanCurve curve;
  ControllerOptions options;
  std::vector<Candidate> candidates;  // rising
  double deviations;                  // standard ones, of the work of all that wait
  std::size_t current;                // of the candidates
  runtime::LeastOf held;              // of what was allowed with room
  runtime::RateEstimate rate;
  runtime::Slowdown slowdown;
  double rate_now = 0;
  runtime::SpentBudget watts, battery;
  bool battery_seen = false;
  double battery_at = 0, battery_then = 0;
  std::uint64_t switches = 0;
  mutable std::mutex mutex;
};

Controller::Controller(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Controller::Controller(Controller&&) noexcept = default;
Controller& Controller::operator=(Controller&&) noexcept = default;
Controller::~Controller() = default;

Result<Controller> Controller::make(PlanCurve curve, const ControllerOptions& options) {
  try {
    check_options(options);
    if (curve.points.empty()) engine::fail_with(ErrorCode::bad_input, "controller: expected a curve, found no point");
    auto impl = std::make_unique<Impl>(std::move(curve), options);
    if (impl->candidates.empty()) {
      const OperatingPoint &first = impl->curve.points.front(), &last = impl->curve.points.back();
      engine::fail_with(ErrorCode::bad_input,
                        "controller: expected a point of at least {:.2f} % and at most {:.1f} us, found {:.2f} % in "
                        "{:.1f} us to {:.2f} % in {:.1f} us",
                        100 * options.least_accuracy, options.most_latency_us.value_or(kNoLimit), 100 * first.accuracy,
                        first.mean_latency_us, 100 * last.accuracy, last.mean_latency_us);
    }
    return Controller(std::move(impl));
  } catch (...) {
    return engine::current_error();
  }
}

void Controller::arrived(double seconds, std::size_t images) {
  const std::lock_guard lock(impl_->mutex);
  impl_->rate.add(seconds, static_cast<double>(images));
}

void Controller::served(double promised_us, double work_us) {
  if (!(promised_us > 0 && promised_us < kNoLimit) || !(work_us >= 0 && work_us < kNoLimit)) return;
  const std::lock_guard lock(impl_->mutex);
  impl_->slowdown.add(promised_us, work_us);
}

ControllerDecision Controller::decide(const ControllerState& state) {
  const std::lock_guard lock(impl_->mutex);
  return impl_->decide(state);
}

ControllerStatus Controller::status() const {
  const std::lock_guard lock(impl_->mutex);
  return {.index = impl_->candidates[impl_->current].index,
          .arrivals_per_s = impl_->rate_now,
          .slowdown = impl_->slowdown.value(),
          .switches = impl_->switches};
}

const PlanCurve& Controller::curve() const { return impl_->curve; }

}  // namespace triage
