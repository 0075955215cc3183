#include "exporting/int8/range_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace triage::exporting {
namespace {

// KL divergence from the counts to their picture on `levels` values over the first `kept` bins, what lies behind added
// to the last of them; infinite where the picture has nothing at a place that has counts.
double clipped_divergence(std::span<const double> counts, std::size_t kept, std::size_t levels) {
  std::vector<double> reference(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(kept));
  double total = 0, pictured = 0;
  for (std::size_t i = kept; i < counts.size(); ++i) reference.back() += counts[i];
  std::vector<double> picture(kept, 0);
  for (std::size_t level = 0; level < levels; ++level) {
    const std::size_t first = level * kept / levels, last = (level + 1) * kept / levels;
    double sum = 0, filled = 0;
    for (std::size_t i = first; i < last; ++i) {
      sum += counts[i];
      filled += counts[i] > 0 ? 1 : 0;
    }
    for (std::size_t i = first; i < last; ++i) picture[i] = counts[i] > 0 ? sum / filled : 0;
  }
  for (std::size_t i = 0; i < kept; ++i) {
    total += reference[i];
    pictured += picture[i];
  }
  double divergence = 0;
  for (std::size_t i = 0; i < kept; ++i) {
    if (reference[i] == 0) continue;
    // The last place stands for all that is cut off; where it has no counts of its own it keeps a thousandth.
    const double q = std::max(picture[i], 1e-3) / pictured, p = reference[i] / total;
    divergence += p * std::log(p / q);
  }
  return divergence;
}

}  // namespace

std::string to_string(RangeMethod method) {
  switch (method) {
    case RangeMethod::minmax:
      return "minmax";
    case RangeMethod::percentile:
      return "percentile";
    case RangeMethod::entropy:
      return "entropy";
  }
  return "?";
}

std::size_t RangeHistogram::bin_of(double value) const {
  const auto bin = static_cast<std::ptrdiff_t>((value + reach_) / (2 * reach_) * kBins);
  return static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(bin, 0, kBins - 1));
}

void RangeHistogram::widen() {
  std::vector<std::uint64_t> wider(kBins, 0);
  for (std::size_t i = 0; i < kBins; ++i) wider[(kBins / 2 + i) / 2] += bins_[i];
  bins_ = std::move(wider);
  reach_ *= 2;
}

void RangeHistogram::add(std::span<const float> values) {
  if (values.empty()) return;
  const auto [low, high] = std::ranges::minmax(values);
  if (!std::isfinite(low) || !std::isfinite(high)) fail("calibration: found a value that is not finite");
  low_ = std::min<double>(low_, low);
  high_ = std::max<double>(high_, high);
  const double furthest = std::max(-low_, high_);
  if (furthest == 0) return;
  if (bins_.empty()) {
    bins_.assign(kBins, 0);
    reach_ = std::exp2(std::ceil(std::log2(furthest)));
  }
  while (furthest > reach_) widen();
  for (const float value : values) {
    if (value == 0) continue;
    ++bins_[bin_of(value)];
    ++count_;
  }
}

Range RangeHistogram::range(RangeMethod method, double percentile) const {
  if (count_ == 0) return {};
  Range range{low_, high_};
  if (method == RangeMethod::percentile) range = percentile_range(percentile);
  if (method == RangeMethod::entropy) range = entropy_range();
  return {std::max(range.low, low_), std::min(range.high, high_)};
}

// Bins leave from the two ends, the emptier one first.
Range RangeHistogram::percentile_range(double percent) const {
  const double most = static_cast<double>(count_) * (1 - percent / 100);
  std::size_t first = bin_of(low_), last = bin_of(high_);
  double cut = 0;
  while (first < last) {
    const bool at_low = bins_[first] < bins_[last];
    cut += static_cast<double>(at_low ? bins_[first] : bins_[last]);
    if (cut > most) break;
    if (at_low) {
      ++first;
    } else {
      --last;
    }
  }
  return {edge(first), edge(last + 1)};
}

// Over magnitudes, so that a range with both signs is symmetric.
Range RangeHistogram::entropy_range() const {
  const bool both = low_ < 0 && high_ > 0;
  const std::size_t levels = both ? 128 : 255, half = kBins / 2;
  const std::size_t used = std::min(half, bin_of(std::max(-low_, high_)) + 1 - half);
  std::vector<double> counts(used, 0);
  for (std::size_t i = 0; i < used; ++i)
    counts[i] = static_cast<double>(bins_[half + i]) + static_cast<double>(bins_[half - 1 - i]);
  double best = std::numeric_limits<double>::infinity();
  std::size_t kept = used;
  const std::size_t step = std::max<std::size_t>(1, used / 256);
  for (std::size_t i = std::min(levels, used); i <= used; i += step) {
    const double divergence = clipped_divergence(counts, i, std::min(levels, i));
    if (divergence < best) {
      best = divergence;
      kept = i;
    }
  }
  const double threshold = static_cast<double>(kept) * 2 * reach_ / kBins;
  return {low_ < 0 ? -threshold : 0, high_ > 0 ? threshold : 0};
}

}  // namespace triage::exporting
