// Small statistics: order statistics of timings, intervals, paired tests. Probabilities and intervals at 95 %.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "core/json.h"

namespace triage {

struct Interval {
  double low = 0, high = 0;
};

struct Summary {  // of a sample; all in the sample's unit
  std::size_t count = 0;
  double min = 0, mean = 0, median = 0, p90 = 0, p95 = 0, p99 = 0, max = 0, stddev = 0;
};
Summary summarize(std::span<const double> sample);  // an empty sample gives zeros
Json to_json(const Summary& summary);
Summary summary_from_json(const JsonReader& json);
Summary latency_from_json(const JsonReader& json);  // refuses what is negative

double percentile(std::span<const double> sorted, double p);  // linear interpolation, p in [0, 100]

// Wilson score interval for `successes` of `n`.
Interval proportion_interval(std::size_t successes, std::size_t n);

// Percentile bootstrap: `statistic` gets n resampled indices in [0, n).
Interval bootstrap_interval(std::size_t n, const std::function<double(std::span<const std::uint32_t>)>& statistic,
                            int rounds, std::uint64_t seed);

// McNemar's exact two-sided test on the discordant pairs: `only_a` right where b is wrong, `only_b` the reverse.
double mcnemar_p(std::size_t only_a, std::size_t only_b);

// Kendall's tau-b: agreement of two rankings, 1 the same order, -1 the reverse; pairs that tie in either count for
// neither (Kendall 1945). NaN with fewer than two values or when one side is all ties.
double kendall_tau(std::span<const double> a, std::span<const double> b);

}  // namespace triage
