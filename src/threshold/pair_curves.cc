#include "threshold/pair_curves.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "core/error.h"

namespace triage::threshold {

VerdictBlock::VerdictBlock(std::span<const std::span<const std::uint8_t>> nets, std::size_t images)
    : size_(nets.size()), correct_(images * kLanes) {
  if (nets.size() > kLanes) fail("verdicts: expected at most {} nets, found {}", kLanes, nets.size());
  for (std::size_t lane = 0; lane < nets.size(); ++lane) {
    const std::span<const std::uint8_t> correct = nets[lane];
    if (correct.size() != images) fail("verdicts of net {}: expected {}, found {}", lane, images, correct.size());
    for (std::size_t i = 0; i < images; ++i) correct_[i * kLanes + lane] = correct[i];
  }
}

template <std::unsigned_integral Index>
void PairCurves<Index>::compute(const Ranking<Index>& ranking, std::span<const std::uint8_t> first,
                                const VerdictBlock& second) {
  using Row = std::array<Index, kLanes>;
  Row now, best;
  const auto base = std::accumulate(first.begin(), first.end(), Index{0},
                                    [](Index sum, std::uint8_t one) { return static_cast<Index>(sum + one); });
  now.fill(base);
  best.fill(base);
  Index* out = correct_.data();
  std::ranges::copy(best, out);
  for (std::size_t k = 0; k < images_; ++k) {
    out += kLanes;
    const Index image = ranking.order[k];
    const std::uint8_t* row = second.row(image);
    const Index lost = first[image];
    for (std::size_t lane = 0; lane < kLanes; ++lane) now[lane] = static_cast<Index>(now[lane] + row[lane] - lost);
    if (ranking.group_end[k]) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) best[lane] = std::max(best[lane], now[lane]);
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) out[lane] = best[lane];
  }
}

template class PairCurves<std::uint16_t>;
template class PairCurves<std::uint32_t>;

}  // namespace triage::threshold
