// RangeHistogram: the values of a map over many images, in fixed memory, and the range an 8-bit grid should span.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace triage::exporting {

// minmax: all values are inside. percentile: all but a share. entropy: the range whose 8-bit picture of the values has
// the smallest KL divergence to them (S. Migacz, "8-bit Inference with TensorRT", 2017).
enum class RangeMethod { minmax, percentile, entropy };
std::string to_string(RangeMethod method);

struct Range {
  double low = 0, high = 0;
};

// Exact zeros are counted apart and are no part of a range's choice: every grid holds 0, and behind a ReLU half of the
// values are 0.
class RangeHistogram {
 public:
  static constexpr std::size_t kBins = 8192;  // over [-reach, reach]; the reach doubles when a value lies outside

  void add(std::span<const float> values);  // finite
  std::uint64_t count() const { return count_; }

  // percentile: percent of the values that the range keeps, the rest cut off where values are rarest; percentile's own.
  Range range(RangeMethod method, double percentile = 99.99) const;

 private:
  void widen();
  std::size_t bin_of(double value) const;
  double edge(std::size_t bin) const { return -reach_ + 2 * reach_ * static_cast<double>(bin) / kBins; }
  Range percentile_range(double percent) const;
  Range entropy_range() const;

  double reach_ = 0, low_ = 0, high_ = 0;
  std::uint64_t count_ = 0;  // zeros apart
  std::vector<std::uint64_t> bins_;
};

}  // namespace triage::exporting
