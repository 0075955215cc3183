#include "runtime/control/rate.h"

#include <algorithm>
#include <numeric>

namespace triage::runtime {
namespace {

constexpr double kSlotSpan = RateEstimate::kSpan / RateEstimate::kSlots;

}  // namespace

void RateEstimate::move_to(double now) {
  if (!begun_) {
    begun_ = true;
    first_ = now;
    slot_end_ = now + kSlotSpan;
    return;
  }
  for (std::size_t moved = 0; now >= slot_end_ && moved < kSlots; ++moved) {
    newest_ = (newest_ + 1) % kSlots;
    counts_[newest_] = 0;
    slot_end_ += kSlotSpan;
  }
  if (now >= slot_end_) slot_end_ = now + kSlotSpan;  // after a pause of more than the span
}

void RateEstimate::add(double seconds, double count) {
  move_to(seconds);
  counts_[newest_] += count;
}

double RateEstimate::per_second(double now) {
  if (!begun_) return 0;
  move_to(now);
  // The slots that are kept reach back to the beginning of the oldest one.
  const double kept = kSpan - (slot_end_ - now);
  const double seen = std::clamp(now - first_, kSlotSpan, std::max(kept, kSlotSpan));
  return std::accumulate(counts_.begin(), counts_.end(), 0.0) / seen;
}

}  // namespace triage::runtime
