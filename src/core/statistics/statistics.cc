#include "core/statistics/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/rng.h"

namespace triage {
namespace {

constexpr double kZ95 = 1.959963984540054;  // 97.5 % quantile of the normal distribution

}  // namespace

double percentile(std::span<const double> sorted, double p) {
  if (sorted.empty()) return 0;
  const double place = std::clamp(p, 0.0, 100.0) / 100 * static_cast<double>(sorted.size() - 1);
  const std::size_t low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return std::lerp(sorted[low], sorted[high], place - static_cast<double>(low));
}

Summary summarize(std::span<const double> sample) {
  Summary summary;
  if (sample.empty()) return summary;
  std::vector<double> sorted(sample.begin(), sample.end());
  std::ranges::sort(sorted);
  const double n = static_cast<double>(sorted.size());
  summary.count = sorted.size();
  summary.min = sorted.front();
  summary.max = sorted.back();
  summary.mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / n;
  summary.median = percentile(sorted, 50);
  summary.p90 = percentile(sorted, 90);
  summary.p95 = percentile(sorted, 95);
  summary.p99 = percentile(sorted, 99);
  double squares = 0;
  for (const double x : sorted) squares += (x - summary.mean) * (x - summary.mean);
  if (sorted.size() > 1) summary.stddev = std::sqrt(squares / (n - 1));
  return summary;
}

Json to_json(const Summary& summary) {
  return {{"count", summary.count},   {"min", summary.min}, {"mean", summary.mean},
          {"median", summary.median}, {"p90", summary.p90}, {"p95", summary.p95},
          {"p99", summary.p99},       {"max", summary.max}, {"stddev", summary.stddev}};
}

Summary summary_from_json(const JsonReader& json) {
  return {.count = json.get<std::size_t>("count"),
          .min = json.get<double>("min"),
          .mean = json.get<double>("mean"),
          .median = json.get<double>("median"),
          .p90 = json.get<double>("p90"),
          .p95 = json.get<double>("p95"),
          .p99 = json.get<double>("p99"),
          .max = json.get<double>("max"),
          .stddev = json.get<double>("stddev")};
}

Summary latency_from_json(const JsonReader& json) {
  for (const char* key : {"min", "mean", "median", "p90", "p95", "p99", "max", "stddev"}) json.not_negative(key);
  return summary_from_json(json);
}

Interval proportion_interval(std::size_t successes, std::size_t n) {
  if (n == 0) return {0, 1};
  const double count = static_cast<double>(n);
  const double p = static_cast<double>(successes) / count;
  const double z2 = kZ95 * kZ95;
  const double centre = (p + z2 / (2 * count)) / (1 + z2 / count);
  const double half = kZ95 / (1 + z2 / count) * std::sqrt(p * (1 - p) / count + z2 / (4 * count * count));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

Interval bootstrap_interval(std::size_t n, const std::function<double(std::span<const std::uint32_t>)>& statistic,
                            int rounds, std::uint64_t seed) {
  if (n == 0 || n > UINT32_MAX || rounds < 1) {
    fail("bootstrap: expected 1 to {} samples and at least 1 round, found {} and {}", UINT32_MAX, n, rounds);
  }
  std::vector<std::uint32_t> indices(n);
  std::vector<double> values;
  for (int round = 0; round < rounds; ++round) {
    Rng rng(derive_seed(seed, "bootstrap", static_cast<std::uint64_t>(round)));
    for (std::uint32_t& index : indices) index = rng.below(static_cast<std::uint32_t>(n));
    values.push_back(statistic(indices));
  }
  std::ranges::sort(values);
  return {percentile(values, 2.5), percentile(values, 97.5)};
}

double mcnemar_p(std::size_t only_a, std::size_t only_b) {
  // Twice the lower tail of a binomial with p = 1/2, summed from its largest term downwards.
  const double n = static_cast<double>(only_a + only_b);
  const double k = static_cast<double>(std::min(only_a, only_b));
  double term = std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) - n * std::log(2.0));
  double tail = 0;
  for (double i = k; i >= 0 && term > tail * 1e-17; --i) {
    tail += term;
    term *= i / (n - i + 1);
  }
  return std::min(1.0, 2 * tail);
}

double kendall_tau(std::span<const double> a, std::span<const double> b) {
  double balance = 0, untied_a = 0, untied_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const int order_a = (a[i] > a[j]) - (a[i] < a[j]), order_b = (b[i] > b[j]) - (b[i] < b[j]);
      balance += order_a * order_b;
      untied_a += order_a != 0;
      untied_b += order_b != 0;
    }
  }
  return balance / std::sqrt(untied_a * untied_b);
}

}  // namespace triage
