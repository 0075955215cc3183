#include "search/solve/pair_curves.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "core/error.h"

namespace triage::search {

VerdictBlock::VerdictBlock(std::span<const ExitNet* const> nets, std::size_t images)
    : size_(nets.size()), right_(images * kLanes) {
  if (nets.size() > kLanes) fail("verdicts: expected at most {} nets, found {}", kLanes, nets.size());
  for (std::size_t lane = 0; lane < nets.size(); ++lane) {
    const std::vector<std::uint8_t>& right = nets[lane]->validation.right;
    if (right.size() != images) fail("net {}: expected {} verdicts, found {}", nets[lane]->name, images, right.size());
    for (std::size_t i = 0; i < images; ++i) right_[i * kLanes + lane] = right[i];
  }
}

void PairCurves::compute(const Ranking& ranking, std::span<const std::uint8_t> first_right,
                         const VerdictBlock& second) {
  using Row = std::array<std::uint16_t, kLanes>;
  Row now, best;
  const auto base = std::accumulate(first_right.begin(), first_right.end(), std::uint16_t{0},
                                    [](std::uint16_t sum, std::uint8_t one) { return std::uint16_t(sum + one); });
  now.fill(base);
  best.fill(base);
  std::uint16_t* out = right_.data();
  std::ranges::copy(best, out);
  for (std::size_t k = 0; k < images_; ++k) {
    out += kLanes;
    const std::uint16_t image = ranking.order[k];
    const std::uint8_t* row = second.row(image);
    const std::uint16_t lost = first_right[image];
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      now[lane] = static_cast<std::uint16_t>(now[lane] + row[lane] - lost);
    if (ranking.ends[k]) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) best[lane] = std::max(best[lane], now[lane]);
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) out[lane] = best[lane];
  }
}

}  // namespace triage::search
