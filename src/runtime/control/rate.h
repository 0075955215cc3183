// How many requests come in a second, from when they came: counts of the last kSpan seconds, in slots.
#pragma once

#include <array>
#include <cstddef>

namespace triage::runtime {

class RateEstimate {
 public:
  static constexpr double kSpan = 0.5;  // seconds
  static constexpr std::size_t kSlots = 16;

  void add(double seconds, double count);
  double per_second(double now);  // 0 before the first

 private:
  void move_to(double now);

  std::array<double, kSlots> counts_{};
  double first_ = 0;     // when the first one came
  double slot_end_ = 0;  // of the newest slot
  std::size_t newest_ = 0;
  bool begun_ = false;
};

}  // namespace triage::runtime
