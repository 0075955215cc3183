#include "engine/threads/thread_choice.h"

#include <algorithm>

#include "core/statistics/statistics.h"

namespace triage::engine {
namespace {

constexpr double kWorthIt = 0.95;  // of the time with fewer threads
constexpr int kMaxRounds = 9;

int rounds_for(double seconds) { return seconds > 0.2 ? 3 : seconds > 0.05 ? 5 : kMaxRounds; }

}  // namespace

std::vector<int> thread_counts(int most) {
  std::vector<int> counts{1};
  while (2 * counts.back() < most) counts.push_back(2 * counts.back());
  if (most > 1) counts.push_back(most);
  return counts;
}

int choose_threads(int most, const std::function<double(int threads)>& seconds_of) {
  if (most <= 1) return 1;
  const std::vector<int> counts = thread_counts(most);
  std::vector<std::vector<double>> seconds(counts.size());  // [counts, rounds]
  double total = 0;
  for (int round = 0; round < rounds_for(total); ++round) {
    for (std::size_t c = 0; c < counts.size(); ++c) total += seconds[c].emplace_back(seconds_of(counts[c]));
  }
  std::size_t best = 0;
  for (std::size_t c = 1; c < counts.size(); ++c) {
    std::vector<double> ratios;
    for (std::size_t round = 0; round < seconds[c].size(); ++round)
      ratios.push_back(seconds[c][round] / seconds[best][round]);
    std::ranges::sort(ratios);
    if (percentile(ratios, 50) < kWorthIt) best = c;
  }
  return counts[best];
}

}  // namespace triage::engine
