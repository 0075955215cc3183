#include "threshold/ranking.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/error.h"

namespace triage::threshold {

template <std::unsigned_integral Index>
Ranking<Index> rank_images(std::vector<float> score) {
  const std::size_t count = score.size();
  constexpr std::size_t kMaxImages = std::numeric_limits<Index>::max();
  if (count > kMaxImages) fail("ranking: expected at most {} images, found {}", kMaxImages, count);
  Ranking<Index> ranking{std::move(score), std::vector<Index>(count), std::vector<std::uint8_t>(count),
                         std::vector<Index>(count)};
  std::iota(ranking.order.begin(), ranking.order.end(), Index{0});
  const std::vector<float>& value = ranking.score;
  std::ranges::sort(ranking.order,
                    [&](Index a, Index b) { return value[a] != value[b] ? value[a] > value[b] : a < b; });
  for (std::size_t begin = 0, end = 0; begin < count; begin = end) {
    for (end = begin + 1; end < count && value[ranking.order[end]] == value[ranking.order[begin]];) ++end;
    ranking.group_end[end - 1] = 1;
    for (std::size_t k = begin; k < end; ++k) ranking.below[ranking.order[k]] = static_cast<Index>(count - end);
  }
  return ranking;
}

template <std::unsigned_integral Index>
double threshold_after(const Ranking<Index>& ranking, std::size_t escalated) {
  if (escalated == 0) return kEscalateNone;
  if (escalated == ranking.order.size()) return kEscalateAll;
  return between(ranking.score[ranking.order[escalated - 1]], ranking.score[ranking.order[escalated]]);
}

CompactRanking rank_compactly(std::vector<float> score) {
  if (score.size() <= std::numeric_limits<std::uint16_t>::max()) return rank_images<std::uint16_t>(std::move(score));
  return rank_images<std::uint32_t>(std::move(score));
}

const std::vector<float>& scores(const CompactRanking& ranking) {
  return std::visit([](const auto& ranked) -> const std::vector<float>& { return ranked.score; }, ranking);
}

double threshold_after(const CompactRanking& ranking, std::size_t escalated) {
  return std::visit([&](const auto& ranked) { return threshold_after(ranked, escalated); }, ranking);
}

template Ranking<std::uint16_t> rank_images(std::vector<float>);
template Ranking<std::uint32_t> rank_images(std::vector<float>);
template double threshold_after(const Ranking<std::uint16_t>&, std::size_t);
template double threshold_after(const Ranking<std::uint32_t>&, std::size_t);

}  // namespace triage::threshold
