// Thresholds that change while calls run: who reads gets one whole set, never parts of two.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace triage::runtime {

// Throws engine::Failure (bad_input) unless there are `exits` numbers; `plan` is the plan's name.
void check_thresholds(std::span<const double> values, std::size_t exits, const std::string& plan);

// By exit; what is behind the thresholds that there are is of no meaning.
using ThresholdSet = std::array<double, plan::kMaxStages>;

class LiveThresholds {
 public:
  explicit LiveThresholds(std::span<const double> values);  // fewer than kMaxStages

  std::size_t size() const { return size_; }

  // Takes no lock and writes nothing that others read; begins again where a set was put in meanwhile. A child of fork()
  // may ask, whatever its parent's threads were doing.
  ThresholdSet now() const;
  std::vector<double> values() const;

  void set(std::span<const double> values);  // as many as there are; thread-safe

 private:
  using Set = std::array<std::atomic<double>, plan::kMaxStages>;

  std::size_t size_;
  std::array<Set, 2> sets_{};
  std::atomic<std::uint64_t> version_{0};  // its last bit says which set counts; the other is the one to write
  std::mutex writing_;
};

}  // namespace triage::runtime
