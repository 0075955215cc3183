#include "workflow/study/subnet_gaps.h"

#include <algorithm>
#include <cmath>

#include "core/statistics/statistics.h"

namespace triage::workflow {
namespace {

constexpr int kGapBootstrapRounds = 2000;

Figure accuracy_figure(const Right& right) {
  const auto count = static_cast<std::size_t>(std::ranges::count(right, 1));
  const Interval interval = proportion_interval(count, right.size());
  return {.value = 100 * share(right),
          .unit = "%",
          .interval = Interval{100 * interval.low, 100 * interval.high},
          .n = static_cast<int>(right.size())};
}

}  // namespace

double share(const Right& right) {
  return static_cast<double>(std::ranges::count(right, 1)) / static_cast<double>(right.size());
}

Figure gap(std::span<const SubnetPair> pairs) {
  const std::size_t images = pairs.front().alone.size();
  std::vector<double> lost(images, 0);
  for (const SubnetPair& pair : pairs) {
    for (std::size_t i = 0; i < images; ++i) {
      lost[i] += 100.0 * (pair.alone[i] - pair.inherited[i]) / static_cast<double>(pairs.size());
    }
  }
  const auto mean = [&](std::span<const std::uint32_t> indices) {
    double sum = 0;
    for (const std::uint32_t i : indices) sum += lost[i];
    return sum / static_cast<double>(indices.size());
  };
  std::vector<std::uint32_t> all(images);
  for (std::uint32_t i = 0; i < images; ++i) all[i] = i;
  return {.value = mean(all),
          .unit = "points",
          .interval = bootstrap_interval(images, mean, kGapBootstrapRounds, /*seed=*/1),
          .n = static_cast<int>(pairs.size())};
}

std::map<std::string, Figure> gap_figures(const family::ArchSpec& largest, const Right& largest_right,
                                          std::span<const SubnetPair> pairs) {
  std::map<std::string, Figure> result{{"largest.accuracy", accuracy_figure(largest_right)}};
  std::vector<SubnetPair> others;
  std::vector<double> alone, inherited;
  for (const SubnetPair& pair : pairs) {
    if (pair.arch == largest) {
      result["largest.gap_points"] = gap({&pair, 1});
      result["largest.accuracy_alone"] = {.value = 100 * share(pair.alone), .unit = "%"};
    } else {
      others.push_back(pair);
      alone.push_back(share(pair.alone));
      inherited.push_back(share(pair.inherited));
    }
  }
  if (others.empty()) return result;
  result["subnets.mean_gap_points"] = gap(others);
  const double tau = kendall_tau(alone, inherited);
  if (std::isfinite(tau))
    result["subnets.kendall_tau"] = {.value = tau, .unit = "1", .n = static_cast<int>(others.size())};
  return result;
}

}  // namespace triage::workflow
