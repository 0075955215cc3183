// What a controller remembers: what was allowed of late, how slow all is, what was spent.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

namespace triage::runtime {

// A point, in what the decision needs of it.
struct Candidate {
  std::size_t index;  // in the curve
  double mean_us, deviation_us, sent_on;
};

// The least value of the last `span` seconds: of eight slots, and of the one that is just gone.
class LeastOf {
 public:
  LeastOf(double span, std::size_t value) : slot_(span / kSlots), begun_(false) { least_.fill(value); }

  std::size_t add(double now, std::size_t value) {
    if (!begun_) {
      begun_ = true;
      end_ = now + slot_;
    }
    for (std::size_t moved = 0; now >= end_ && moved <= kSlots; ++moved) {
      newest_ = (newest_ + 1) % least_.size();
      least_[newest_] = value;
      end_ += slot_;
    }
    if (now >= end_) end_ = now + slot_;
    least_[newest_] = std::min(least_[newest_], value);
    return *std::ranges::min_element(least_);
  }

 private:
  static constexpr std::size_t kSlots = 8;
  std::array<std::size_t, kSlots + 1> least_{};
  std::size_t newest_ = 0;
  double slot_, end_ = 0;
  bool begun_;
};

// What work takes over what the curve says, of late.
class Slowdown {
 public:
  static constexpr double kMemoryUs = 250'000;  // of promised work, after which what was before counts a third
  static constexpr double kTrustUs = 10'000;    // of promised work, that the curve is believed for to begin with
  static constexpr double kLeast = 0.02, kMost = 50;

  double value() const { return std::clamp(work_ / promised_, kLeast, kMost); }
  void add(double promised_us, double work_us) {
    const double kept = std::exp(-promised_us / kMemoryUs);
    promised_ = promised_ * kept + promised_us;
    work_ = work_ * kept + work_us;
  }

 private:
  double promised_ = kTrustUs, work_ = kTrustUs;
};

// A budget that is spent over time (watts, a battery): how much mean work an image may be, led by what was spent. Each
// step multiplies the work by what may be spent over what is, so that with a part that no work changes it comes to rest
// from one side.
class SpentBudget {
 public:
  static constexpr double kPeriod = 1;  // seconds between two steps
  static constexpr double kNoLimit = std::numeric_limits<double>::infinity();

  double limit() const { return limit_; }
  // allowed_over_spent: at the work in force. most: the work of the dearest point.
  void step(double now, double allowed_over_spent, double work_in_force, double most, double room) {
    if (begun_ && now < next_) return;
    begun_ = true;
    next_ = now + kPeriod;
    if (allowed_over_spent < 1)
      limit_ = std::min(limit_, work_in_force) * std::max(allowed_over_spent, 0.5);
    else if (allowed_over_spent > 1 + 2 * room && limit_ < kNoLimit)
      limit_ *= std::min(allowed_over_spent - room, 1.25);
    if (limit_ > most) limit_ = kNoLimit;
  }

 private:
  double limit_ = kNoLimit, next_ = 0;
  bool begun_ = false;
};

}  // namespace triage::runtime
